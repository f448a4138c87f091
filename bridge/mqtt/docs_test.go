package mqtt

import (
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/wattwerk/wattwerk/bridge"
)

// blocks gives the code blocks of a language in the guide.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/bridges.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, part := range strings.Split(string(page), "\n```") {
		if rest, ok := strings.CutPrefix(part, language+"\n"); ok && i%2 == 1 {
			out = append(out, rest)
		}
	}
	return out
}

func TestTheGuidesSettingsAreTaken(t *testing.T) {
	list := blocks(t, "yaml")
	if len(list) == 0 {
		t.Fatal("the guide shows no settings")
	}
	for _, text := range list {
		var c struct {
			bridge.Config `yaml:",inline"`

			MQTT Config `yaml:"mqtt"`
		}
		if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
			t.Error(err)
		}
		if err := c.Config.Validate(); err != nil {
			t.Error(err)
		}
		if err := c.MQTT.Validate(); err != nil {
			t.Error(err)
		}
		if len(c.JSON) == 0 || len(c.MQTT.Brokers) == 0 || c.Influx.Sensor == "" || c.RemoteWrite.Sensor == "" {
			t.Errorf("something is not shown: %+v", c)
		}
	}
}

func TestTheGuidesExampleIsTheTestedOne(t *testing.T) {
	example, err := os.ReadFile("../example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	list := blocks(t, "go")
	if len(list) != 1 || !strings.Contains(string(example), strings.TrimSpace(list[0])) {
		t.Error("the Go example of docs/bridges.md is not in bridge/example_test.go")
	}
	if n := strings.Count(list[0], "\n") + 1; n > 45 {
		t.Errorf("the example has %d lines; the guide says 40", n)
	}
}
