package app

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/internal/sqldb"
	"github.com/wattwerk/wattwerk/registry"
	"github.com/wattwerk/wattwerk/survey"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

// openSurvey opens what the books know of the survey.
func (c *Config) openSurvey(ctx context.Context) (*register.Store, error) {
	at, err := c.SQL.url()
	if err != nil {
		return nil, err
	}
	o := sqldb.Options{URL: at, Conns: c.connsOfSurvey()}
	if at == "" {
		o.File = filepath.Join(c.Data, access.FileName)
	}
	s, err := register.Open(ctx, o)
	if err == nil {
		s.SetPeople(c.Survey.People)
	}
	return s, err
}

// surveyed is the data service of a survey in this process.
type surveyed struct {
	store   *register.Store
	service *survey.Service
	roots   []byte // that devices trust, PEM
}

func startSurvey(ctx context.Context, p *process) (_ running, err error) {
	c := &p.config
	store, err := c.openSurvey(ctx)
	if err != nil {
		return running{}, err
	}
	authority, err := identity.Open(c.authorityDir())
	if err != nil {
		return running{}, errors.Join(err, errors.New("'wattwerk survey ca init' makes an authority"), store.Close())
	}
	changes := p.registry
	if changes == nil { // it runs in another process; changes meet on the bus
		if changes, err = registry.New(registry.Options{Bus: p.bus, Catalog: p.catalog, Log: p.logger(surveyModule), Actor: actor}); err != nil {
			return running{}, errors.Join(err, store.Close())
		}
	}
	s, err := survey.New(ctx, survey.Options{
		Store: store, Authority: authority, Writer: p.bus.NewWriter(), Listen: c.Survey.Listen, Hosts: c.Survey.Hosts,
		Full: func(err error) bool { return errors.Is(err, bus.ErrFull) }, Staff: p.surveyStaff, Change: changes.Change, Updates: surveyUpdates{c.updatesDir()},
		Lease: c.Survey.Lease.Std(), Tolerance: c.Survey.Tolerance.Std(), Silent: c.Survey.Silent.Std(), Forget: c.Survey.Forget.Std(), Log: p.logger(surveyModule), Registerer: p.metrics,
	})
	if err != nil {
		return running{}, errors.Join(err, store.Close())
	}
	p.survey = &surveyed{store, s, authority.Roots()}
	p.logger(surveyModule).Info("the data service of the survey listens", "addr", s.Addr())
	ran := false
	return running{
		run: func(ctx context.Context) error {
			ran = true
			return s.Run(ctx)
		},
		stop: func(context.Context) error {
			if !ran {
				err = s.Close()
			}
			return errors.Join(err, store.Close())
		},
	}, nil
}

// surveyStaff tells the survey who has a token.
func (p *process) surveyStaff(ctx context.Context, token string) (string, []string, error) {
	who, err := p.users.Token(ctx, token)
	if errors.Is(err, access.ErrDenied) {
		return "", nil, survey.ErrDenied
	}
	return who.Name, scopesOf(who), err
}

func scopesOf(who access.Identity) []string {
	scopes := make([]string, len(who.Scopes))
	for i, s := range who.Scopes {
		scopes[i] = string(s)
	}
	return scopes
}

// noSurvey is what the pages of a survey are told where there is none.
const noSurvey = "no survey runs here; 'wattwerk survey ca init', 'wattwerk survey text' and the setting survey.listen begin one (docs/survey.md)"

func faceSurvey(p *process, f face) {
	var s *survey.Service // nil: in another process
	if p.survey != nil {
		s = p.survey.service
	}
	s.Register(f.api, func(ctx context.Context) (string, []string) {
		who, _ := access.From(ctx)
		return who.Name, scopesOf(who)
	})
}
