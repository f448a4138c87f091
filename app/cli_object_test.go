package app

import (
	"strings"
	"testing"
	"time"

	"github.com/wattwerk/wattwerk/service"
)

// TestObjectCommands lists objects, asks about them, and writes them down.
func TestObjectCommands(t *testing.T) {
	c := DefaultConfig()
	c.Data, c.Addr, c.Bus.MQTT, c.Bus.Partitions = t.TempDir(), "127.0.0.1:0", "off", 1
	in := runProcess(t, c)
	ask(t, in, "PUT", "/api/v1/sensors/pump", `{"id":"pump","name":"Pump","quantity":"active_power","interval":"1h"}`, nil)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for { // what comes before the sensor is known here is not seen
		ask(t, in, "POST", "/api/v1/ingest/json", `{"sensor":"pump","value":5}`, nil)
		var page service.ObjectPage
		ask(t, in, "GET", "/api/v1/objects?state=live", "", &page)
		if page.Total == 1 {
			break
		}
		<-again.C
	}
	for _, x := range []struct{ want, args string }{
		{"sensor/pump", "object list --class Power_Sensor --state live"},
		{"brick:Active_Power_Sensor", "object export --format turtle"},
		{"urn:wattwerk:", "object export"},
	} {
		if code, out, errs := wattwerk(t, append(strings.Fields(x.args), "--data", c.Data)...); code != ExitOK || !strings.Contains(out, x.want) {
			t.Errorf("%s: %d, %s, %s", x.args, code, out, errs)
		}
	}
	code, out, errs := wattwerk(t, "object", "query", "--data", c.Data, "select ?s where { ?s a brick:Active_Power_Sensor }")
	if code != ExitOK || !strings.Contains(out, "urn:wattwerk:sensor/pump") {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
}
