package app

import (
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/cir"
	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/cir/item"
)

// TestRegistryOfIdentifiers has a sensor register itself, links it with what the
// ERP calls it, and asks for the thing.
func TestRegistryOfIdentifiers(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions, c.CIR.Installation = t.TempDir(), "127.0.0.1:0", "off", 1, "kiel"
	in := runProcess(t, c)
	ask(t, in, "POST", "/api/v1/models/gateways", `{"name":"Box","namespace":"box"}`, nil)
	ask(t, in, "PUT", "/api/v1/sensors/pump-power", `{"id":"pump-power","name":"Pump","quantity":"active_power","interval":"1s"}`, nil)
	ask(t, in, "POST", "/api/v1/ingest/json", `{"sensor":"pump-power","value":5}`, nil)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	var e item.EntryItem
	for e.CIRID == nil {
		<-again.C
		var found book.FoundThings
		ask(t, in, "GET", "/api/v1/cir/registries?registry=wattwerk&category=sensor", "", &found)
		if len(found.Registries) > 0 {
			e = found.Registries[0].Categories[0].Entries[0]
		}
	}
	if e.IDInSource != "pump-power" || e.SourceID != "kiel" || *e.Name != "Pump" {
		t.Errorf("%+v", e)
	}
	var box book.FoundThings
	for len(box.Registries) == 0 {
		ask(t, in, "GET", "/api/v1/cir/registries?registry=wattwerk&category=gateway&name=Box", "", &box)
		<-again.C
	}
	table := "registry,category,category_source,id_in_source,source,cirid,name\nplant,pump,erp,P-101,erp," + *e.CIRID + ",Pump 101\n"
	code, out, errs := wattwerkIn(t, table, "cir", "import", "--data", c.Data, "-")
	if code != ExitOK || !strings.HasPrefix(out, "1 created, 0 updated, 0 unchanged; change ") {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
	var g cir.Gathered
	for len(g.Entries) == 0 || g.Entries[0].Series[0].Value == nil {
		ask(t, in, "GET", "/api/v1/cir/"+*e.CIRID, "", &g)
		<-again.C
	}
	if s := g.Entries[0].Series[0]; len(g.Entries) != 2 || *s.Value != 5 || s.Unit != "W" || s.Range != "/api/v1/sensors/pump-power/range" {
		t.Errorf("%+v", g)
	}
	code, out, errs = wattwerkIn(t, "", "cir", "show", "--data", c.Data, *e.CIRID)
	if code != ExitOK || !strings.Contains(out, "P-101") || !strings.Contains(out, "5 W at ") {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
	code, out, errs = wattwerkIn(t, "", "cir", "export", "--data", c.Data, "--source", "er.")
	if code != ExitOK || strings.Count(out, "\n") != 2 || !strings.Contains(out, "Pump 101") {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
	code, _, errs = wattwerkIn(t, table+"plant,pump,erp,,erp,,\n", "cir", "import", "--data", c.Data, "-")
	if code != ExitFailed || !strings.Contains(errs, "line 3:") {
		t.Errorf("%d, %s", code, errs)
	}
}
