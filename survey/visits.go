package survey

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/crypto/ssh"

	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/register"
	"github.com/wattwerk/wattwerk/survey/visit"
)

// visitors are the connections that were upgraded.
type visitors struct {
	hall *visit.Hall

	mu     sync.Mutex
	closed bool
	all    sync.WaitGroup
	ctx    context.Context // ends with Run
}

// begin tells whether one more may begin; done is called when it has ended.
func (v *visitors) begin() (ctx context.Context, done func(), ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.ctx == nil {
		return nil, nil, false
	}
	v.all.Add(1)
	return v.ctx, v.all.Done, true
}

// run lets them begin until ctx ends, and waits for all to end.
func (v *visitors) run(ctx context.Context) {
	v.mu.Lock()
	v.ctx = ctx
	v.mu.Unlock()
	<-ctx.Done()
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.all.Wait()
}

// registerVisits adds the routes by which devices are looked at from afar.
func (s *Service) registerVisits(api huma.API, mux *http.ServeMux) {
	huma.Register(api, op("visits", http.MethodGet, "/visit", "Grants by which the device may be looked at from afar", "Those that are good now and were not used. A device that takes one opens a tunnel: GET /visit/{id}/tunnel, upgraded to "+visit.Protocol+".", Household),
		func(ctx context.Context, _ *struct{}) (*body[List[visit.Signed]], error) {
			all, err := s.o.Store.Visits().For(ctx, from(ctx).Device)
			return &body[List[visit.Signed]]{List[visit.Signed]{Items: all}}, s.refuse(ctx, err)
		})
	// These two are no operations: after the first line they are not HTTP.
	mux.HandleFunc("GET /visit/{id}/tunnel", s.tunnel)
	mux.HandleFunc("GET /management/visit/{id}/enter", s.enter)
}

// turnAway answers what is not upgraded.
func (s *Service) turnAway(w http.ResponseWriter, r *http.Request, p *household.Problem) {
	s.metrics.refused(p)
	c := from(r.Context())
	s.log.Warn("a request was refused", "operation", r.Pattern, "code", p.Code, "device", c.Device, "staff", c.staff, "remote", r.RemoteAddr)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = s.api.Marshal(w, "application/json", p) // the connection is all that can fail here
}

var errNoUpgrade = household.Refuse(http.StatusUpgradeRequired, "no_upgrade", household.None, "ask for an upgrade to "+visit.Protocol)

func upgrades(r *http.Request) bool {
	return r.Header.Get("Upgrade") == visit.Protocol && strings.EqualFold(r.Header.Get("Connection"), "Upgrade") && r.ContentLength == 0
}

// tunnel takes the tunnel of a device.
func (s *Service) tunnel(w http.ResponseWriter, r *http.Request) {
	c, id := from(r.Context()), r.PathValue("id")
	if p := allowed(&huma.Operation{Security: []map[string][]string{{scheme: {Household}}}}, c); p != nil {
		s.turnAway(w, r, p)
		return
	}
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(r.Header.Get(visit.HostKey)))
	switch {
	case !upgrades(r):
		s.turnAway(w, r, errNoUpgrade)
		return
	case c.Kind != household.Edge:
		s.turnAway(w, r, household.Refuse(http.StatusForbidden, "edges_only", household.None, "this is for devices that show a certificate"))
		return
	case err != nil || len(rest) > 0:
		s.turnAway(w, r, household.Refuse(http.StatusUnprocessableEntity, "invalid", household.None, "the header "+visit.HostKey+" holds no key"))
		return
	}
	ctx, done, ok := s.visitors.begin()
	if !ok {
		s.turnAway(w, r, errStopping)
		return
	}
	defer done()
	left, err := s.o.Store.Visits().Open(r.Context(), id, c.Device, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
	if errors.Is(err, register.ErrVisit) {
		s.turnAway(w, r, household.Refuse(http.StatusConflict, "grant_refused", household.None, register.ErrVisit.Error()))
		return
	}
	if err != nil {
		s.log.Warn("a tunnel could not be opened", "device", c.Device, "error", err)
		s.turnAway(w, r, errStopping)
		return
	}
	conn, err := upgrade(w)
	if err != nil {
		err = s.o.Store.Visits().Close(ctx, id, "the line was cut")
	} else {
		err = s.visitors.hall.Serve(ctx, id, conn, left)
	}
	if err != nil {
		s.log.Warn("the end of a visit was not written down", "grant", id, "error", err)
	}
}

var errStopping = household.Refuse(http.StatusServiceUnavailable, "unavailable", household.Retry, "this cannot be done at the moment; try again")

// enter brings staff into a tunnel.
func (s *Service) enter(w http.ResponseWriter, r *http.Request) {
	c := from(r.Context())
	if p := allowed(&huma.Operation{Metadata: map[string]any{staffOnly: true}, Security: []map[string][]string{{scheme: {Account, Household}}}}, c); p != nil {
		s.turnAway(w, r, p)
		return
	}
	if !upgrades(r) {
		s.turnAway(w, r, errNoUpgrade)
		return
	}
	ctx, done, ok := s.visitors.begin()
	if !ok {
		s.turnAway(w, r, errStopping)
		return
	}
	defer done()
	upgraded := false
	err := s.visitors.hall.Enter(ctx, r.PathValue("id"), c.staff, func() (io.ReadWriteCloser, error) {
		upgraded = true
		return upgrade(w)
	})
	switch {
	case err == nil:
	case upgraded: // it was a visit, and the answer is on its way
		s.log.Warn("what became of a visit was not written down", "staff", c.staff, "error", err)
	case errors.Is(err, visit.ErrAbsent), errors.Is(err, visit.ErrCrowded):
		s.turnAway(w, r, household.Refuse(http.StatusConflict, "not_open", household.Retry, err.Error()))
	default:
		s.log.Warn("nobody could be brought in", "staff", c.staff, "error", err)
		s.turnAway(w, r, errStopping)
	}
}

// hijacked is a connection, of which some may have been read already.
type hijacked struct {
	net.Conn
	r *bufio.Reader
}

func (h hijacked) Read(p []byte) (int, error) { return h.r.Read(p) }

// upgrade takes the connection of a request over.
func upgrade(w http.ResponseWriter) (io.ReadWriteCloser, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if err = conn.SetDeadline(time.Time{}); err == nil {
		_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+visit.Protocol+"\r\n\r\n")
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return hijacked{conn, rw.Reader}, nil
}
