package cell

import "testing"

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plant": "plant", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", " =1": "' =1", "\t=1": "' =1", "\r@x": "' @x", "＝1": "'＝1", "a\nb": "a b", "a=1": "a=1",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q becomes %q, not %q", in, got, want)
		}
	}
}
