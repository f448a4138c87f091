package answering

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/wattwerk/wattwerk/access"
	"github.com/wattwerk/wattwerk/gateway"
	"github.com/wattwerk/wattwerk/service/execution"
)

// doors are gateways as the program has them, with one token for all.
type doors struct {
	store   *access.Store
	version string
	token   string
	notary  *access.Notary
	all     []*http.Server
}

func newDoors(ctx context.Context, dir, version string) (*doors, error) {
	store, err := access.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	d := &doors{store: store, version: version}
	if d.token, _, err = store.CreateToken(ctx, access.TokenSpec{Name: "bench", Scopes: []access.Scope{access.Read}, By: "bench"}); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if d.notary, err = access.NewNotary([]byte("what processes of a measurement share")); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return d, nil
}

func (d *doors) headers() map[string]string {
	return map[string]string{"Authorization": "Bearer " + d.token}
}

// open has a gateway lead to an execution.
func (d *doors) open(e *execution.Execution) (string, error) {
	g, err := d.gateway()
	if err != nil {
		return "", err
	}
	e.Register(g.API())
	return d.serve(g.Handler())
}

func (d *doors) gateway() (*gateway.Service, error) {
	g, err := gateway.New(gateway.Options{
		Addr: "127.0.0.1:0", Access: d.store, AnonymousIngest: gateway.AnonymousNever, Version: d.version, Notary: func() *access.Notary { return d.notary },
	})
	if err != nil {
		return nil, err
	}
	return g, g.Close() // its handler is what is wanted
}

// serve answers on a free port of this machine.
func (d *doors) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	d.all = append(d.all, s)
	go func() { _ = s.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

func (d *doors) close() error {
	var errs []error
	for _, s := range d.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, d.store.Close())...)
}
