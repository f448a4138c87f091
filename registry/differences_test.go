package registry

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestDifferences tells in sentences what was done, and takes all of it back.
func TestDifferences(t *testing.T) {
	b := open(t, openBus(t))
	first := b.put("/api/v1/model", `{
		"sites": [{"id": "kiel", "zone": "Europe/Berlin"}],
		"sensors": [{"id": "a", "name": "Press", "quantity": "active_power"}, {"id": "b", "quantity": "active_power"}, {"id": "c", "quantity": "active_power"}, {"id": "gone", "quantity": "active_power"}],
		"groups": [{"id": "root", "members": [{"group": "hall"}, {"group": "yard"}]}, {"id": "hall", "members": [{"sensor": "a"}, {"sensor": "b"}, {"sensor": "gone"}]}, {"id": "yard", "members": [{"sensor": "c"}]}],
		"hierarchies": [{"id": "place", "site": "kiel", "root": "root"}]}`, "If-Match", "*")
	b.post("/api/v1/rename", `{"kind": "sensor", "id": "a", "newName": "Big press"}`)
	last := b.put("/api/v1/model", `{
		"sites": [{"id": "kiel", "zone": "Europe/Berlin"}],
		"sensors": [{"id": "a", "name": "Big press", "quantity": "active_power", "interval": "10s"}, {"id": "b", "quantity": "active_power"}, {"id": "c", "quantity": "active_power"}, {"id": "new", "quantity": "active_power"}],
		"groups": [{"id": "root", "members": [{"group": "yard"}, {"group": "hall"}]}, {"id": "hall", "members": [{"sensor": "b"}, {"sensor": "new", "sign": -1}]}, {"id": "yard", "members": [{"sensor": "c", "meter": true}, {"sensor": "a"}]}],
		"hierarchies": [{"id": "place", "site": "kiel", "root": "root"}]}`, "If-Match", "*")
	texts := func(path string) []string {
		var d Differences
		b.must(http.StatusOK, &d, http.MethodGet, path, "")
		if d.Total != len(d.Items) {
			t.Errorf("%s has %d of %d", path, len(d.Items), d.Total)
		}
		var out []string
		for _, x := range d.Items {
			out = append(out, x.What+": "+x.Text)
		}
		slices.Sort(out)
		return out
	}
	want := []string{
		`added: sensor "new" was added`,
		`changed: sensor "a" (Big press) has other interval`,
		`changed: sensor "c" is the meter in group "yard", and was added`,
		`changed: the members of group "root" are in another order`,
		`moved: sensor "a" (Big press) was moved from group "hall" to "yard"`,
		`moved: sensor "gone" was taken out of group "hall"`,
		`moved: sensor "new" was placed in group "hall"`,
		`removed: sensor "gone" was removed`,
		`renamed: sensor "a" was renamed from "Press" to "Big press"`,
	}
	got := texts(fmt.Sprintf("/api/v1/revisions/%d/differences?since=%d", last.Revision, first.Revision))
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got = texts(fmt.Sprintf("/api/v1/revisions/%d/differences", last.Revision-1)); !slices.Equal(got, want[8:]) {
		t.Errorf("one revision: %v", got)
	}
	if got = texts("/api/v1/revisions/1/differences"); len(got) != 1+4+3+1+6 {
		t.Errorf("the first: %v", got)
	}
	if got = texts(fmt.Sprintf("/api/v1/revisions/%d/differences?since=%d", first.Revision, last.Revision)); !slices.Contains(got, `added: sensor "gone" was added`) {
		t.Errorf("backwards: %v", got)
	}
	before := b.must(http.StatusOK, nil, http.MethodGet, "/api/v1/model", "").body
	restored := b.post(fmt.Sprintf("/api/v1/revisions/%d/restore", first.Revision), "")
	if restored.Revision != last.Revision+1 || !strings.Contains(restored.Note, fmt.Sprintf("restored revision %d", first.Revision)) {
		t.Errorf("restored as %+v", restored)
	}
	if got = texts(fmt.Sprintf("/api/v1/revisions/%d/differences?since=%d", restored.Revision, first.Revision)); len(got) != 0 {
		t.Errorf("after restoring: %v", got)
	}
	b.post(fmt.Sprintf("/api/v1/revisions/%d/undo", restored.Revision), "")
	if after := b.must(http.StatusOK, nil, http.MethodGet, "/api/v1/model", "").body; after != before {
		t.Errorf("undoing it gives %s, not %s", after, before)
	}
	if c := b.post(fmt.Sprintf("/api/v1/revisions/%d/restore", restored.Revision+1), ""); c.Revision != restored.Revision+1 {
		t.Errorf("restoring what is there made revision %d", c.Revision)
	}
	b.must(http.StatusNotFound, nil, http.MethodGet, "/api/v1/revisions/99/differences", "")
	b.must(http.StatusNotFound, nil, http.MethodPost, "/api/v1/revisions/99/restore", "")
	b.must(http.StatusPreconditionFailed, nil, http.MethodPost, "/api/v1/revisions/1/restore", "", "If-Match", `"1"`)
}
