package app

import (
	"context"
	"errors"
	"fmt"
)

// mostDemoHouseholds is how many one machine plays.
const mostDemoHouseholds = 200

// SurveyDemoCmd is "wattwerk survey demo".
type SurveyDemoCmd struct {
	Households int     `short:"n" default:"10" help:"How many households."`
	Data       string  `default:"survey-demo" placeholder:"DIR" help:"Data directory, of the survey and of all devices (default: ./survey-demo)." type:"path"`
	Config     string  `placeholder:"FILE" help:"Settings file (YAML) for the rest." type:"existingfile" env:"WATTWERK_CONFIG"`
	Addr       string  `placeholder:"HOST:PORT" help:"Where the page and all HTTP interfaces are (default: 127.0.0.1:8080)."`
	Listen     string  `default:"127.0.0.1:8443" placeholder:"HOST:PORT" help:"Where devices reach the data service (default: 127.0.0.1:8443)."`
	Speed      float64 `placeholder:"FACTOR" help:"How much faster than real the households live; the clock stays what it is (default: 1, or as before)."`
	Loss       float64 `placeholder:"SHARE" help:"Probability that a byte is lost between a meter and its device, 0 to 0.1 (default: 0)."`
	LogLevel   string  `placeholder:"LEVEL" help:"debug, info, warn or error (default: info)."`
}

// Help is shown by --help.
func (*SurveyDemoCmd) Help() string {
	return `Makes an authority, a text to consent to and made-up households, of which some have panels or a
second meter; plays their meters; and runs their measurement devices, each with a directory and a
page of its own, together with the data service and everything else. Each device enrols, its
household consents, and what it measures shows up in the page within a minute. Afterwards there is a
measurement in each quarter of an hour, as in a real survey.

Started again it goes on where it was. The key of the root is in the same directory, which is not
for a real survey.

Examples:
  wattwerk survey demo                                ten households
  wattwerk survey demo -n 50 --speed 60 --loss 0.001
  wattwerk survey status --data survey-demo           at the same time: how the devices are`
}

// Run works until it is interrupted.
func (c *SurveyDemoCmd) Run(ctx context.Context, sys IO) error {
	switch {
	case c.Households < 1 || c.Households > mostDemoHouseholds:
		return usageError{fmt.Errorf("--households is %d; between 1 and %d are possible", c.Households, mostDemoHouseholds)}
	case c.Speed < 0 || c.Speed > 1e6:
		return usageError{errors.New("--speed is positive, and 1000000 at most")}
	case c.Loss < 0 || c.Loss > 0.1:
		return usageError{errors.New("--loss is between 0 and 0.1")}
	}
	cfg, err := settingsFlags{Data: c.Data, Config: c.Config}.load(sys, map[string]any{"addr": c.Addr, "survey.listen": c.Listen, "log.level": c.LogLevel})
	if err != nil {
		return err
	}
	if !cfg.has(surveyModule) || !cfg.has("registry") || cfg.has(edgeModule) {
		return usageError{errors.New("the demo needs a process with the module survey, and without the module edge: it brings its devices itself; leave modules and edge.url out of the settings")}
	}
	d := surveyDemo{households: c.Households, speed: c.Speed, loss: c.Loss, out: sys.Out}
	if err := d.prepare(&cfg); err != nil {
		return err
	}
	defer roomForGarbage()()
	return runModules(ctx, cfg, cfg.Log.logger(sys.Err), sys.Out, module{name: "survey-demo", needs: []string{surveyModule, "http"}, start: d.start})
}
