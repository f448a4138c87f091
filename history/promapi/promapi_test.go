package promapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/wattwerk/wattwerk/history"
	"github.com/wattwerk/wattwerk/history/tsdb"
	"github.com/wattwerk/wattwerk/record"
)

// TestFormat holds the responses to what Prometheus answers, byte for byte.
func TestFormat(t *testing.T) {
	s, err := tsdb.Open(tsdb.Options{Dir: t.TempDir(), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k := []history.Series{history.RecordsOf("a\"b"), {Metric: history.Sum, Hierarchy: "h", Name: "g"}}
	refs := s.Refs(nil, k)
	const t0 = record.Millis(1_700_000_000_000)
	if _, err := s.Append(t.Context(), refs, []uint32{0, 0, 1}, []record.Millis{t0, t0 + 60_000, t0 + 500}, []float64{1.5, 1e-7, 3}); err != nil {
		t.Fatal(err)
	}
	h := Handler(Options{Store: s})
	at := "&time=1700000060"
	a, g := `{"__name__":"wattwerk_record","sensor":"a\"b"}`, `{"__name__":"wattwerk_group_sum","group":"g","hierarchy":"h"}`
	for _, c := range []struct{ path, want string }{
		{"query?query=wattwerk_record" + at, `{"resultType":"vector","result":[{"metric":` + a + `,"value":[1700000060,"1e-07"]}]}`},
		{"query?query=wattwerk_record[2m]" + at, `{"resultType":"matrix","result":[{"metric":` + a + `,"values":[[1700000000,"1.5"],[1700000060,"1e-07"]]}]}`},
		{"query?query=wattwerk_group_sum[2m]" + at, `{"resultType":"matrix","result":[{"metric":` + g + `,"values":[[1700000000.5,"3"]]}]}`},
		{"query?query=1/0" + at, `{"resultType":"scalar","result":[1700000060,"+Inf"]}`},
		{`query?query="x"` + at, `{"resultType":"string","result":[1700000060,"x"]}`},
		{"query?query=nothing" + at, `{"resultType":"vector","result":[]}`},
		{"query_range?query=wattwerk_record&start=1700000000&end=1700000060&step=30", `{"resultType":"matrix","result":[{"metric":` + a + `,"values":[[1700000000,"1.5"],[1700000030,"1.5"],[1700000060,"1e-07"]]}]}`},
		{"labels", `["__name__","group","hierarchy","sensor"]`},
		{"labels?match[]=wattwerk_record", `["__name__","sensor"]`},
		{"label/sensor/values", `["a\"b"]`},
		{"label/__name__/values?limit=10", `["wattwerk_group_sum","wattwerk_record"]`},
		{"label/nothing/values", `[]`},
		{"series?match[]=wattwerk_record&match[]=wattwerk_group_sum", `[` + g + `,` + a + `]`},
		{"series?match[]=wattwerk_record&start=1", `[` + a + `]`},
		{"format_query?query=sum(wattwerk_record)by(sensor)", `"sum by (sensor) (wattwerk_record)"`},
		{"metadata?metric=wattwerk_group_meter", `{"wattwerk_group_meter":[{"type":"gauge","help":"A group's own meter.","unit":""}]}`},
	} {
		path, query, _ := strings.Cut(c.path, "?")
		values, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "/prometheus/api/v1/"+path+"?"+values.Encode(), nil)
			if method == http.MethodPost {
				r = httptest.NewRequest(method, "/prometheus/api/v1/"+path, strings.NewReader(values.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if want := `{"status":"success","data":` + c.want + `}`; w.Code != 200 || w.Body.String() != want {
				t.Errorf("%s %s\n got %d %s\nwant %s", method, c.path, w.Code, w.Body, want)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	s, err := tsdb.Open(tsdb.Options{Dir: t.TempDir(), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ref := s.Refs(nil, []history.Series{history.RecordsOf("a")})
	for i := range 100 {
		if _, err := s.Append(t.Context(), ref, nil, []record.Millis{record.Millis(i * 1000)}, []float64{1}); err != nil {
			t.Fatal(err)
		}
	}
	h := Handler(Options{Store: s, Samples: 50})
	for _, c := range []struct {
		path   string
		status int
		kind   string
	}{
		{"query?query=sum(", 400, "bad_data"},
		{"query?query=1&time=yesterday", 400, "bad_data"},
		{"query?query=1&timeout=long", 400, "bad_data"},
		{"query?query=wattwerk_record%5B1h%5D&time=100", 422, "execution"},
		{"query_range?query=1&start=0&end=100000&step=1", 400, "bad_data"},
		{"query_range?query=1&start=5&end=1&step=1", 400, "bad_data"},
		{"query_range?query=1&start=0&end=1&step=0", 400, "bad_data"},
		{"query_range?query=1&end=1&step=1", 400, "bad_data"},
		{"series", 400, "bad_data"},
		{"series?match[]=%7B", 400, "bad_data"},
		{"series?match[]=a&limit=-1", 400, "bad_data"},
		{"admin/tsdb/delete_series", 404, "not_found"},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/prometheus/api/v1/"+c.path, nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), fmt.Sprintf(`"errorType":%q`, c.kind)) || !strings.Contains(w.Body.String(), `"status":"error"`) {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
}
