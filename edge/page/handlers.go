package page

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/wattwerk/wattwerk/edge"
	"github.com/wattwerk/wattwerk/edge/visit"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
)

func (s *Server) ask(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), askWithin)
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) {
	v := s.view(w, r, "overview")
	var p visitsPage
	p.Visits, p.Possible = s.o.Device.Visits()
	v.Data = p
	s.show(w, http.StatusOK, v)
}

// visitsPage is what is shown of visits from afar.
type visitsPage struct {
	Visits   []visit.Visit
	Possible bool
}

// endVisit ends the visit that goes on.
func (s *Server) endVisit(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	s.o.Device.EndVisit()
	http.Redirect(w, r, "/?lang="+language(r), http.StatusSeeOther)
}

// consentPage is what the page of the consent shows.
type consentPage struct {
	Text     consent.Text
	Receipts []consent.Receipt
	Once     string // of the second form of revoking
	Missing  bool   // it was not confirmed
}

func (s *Server) consentView(w http.ResponseWriter, r *http.Request) (view, consentPage) {
	v := s.view(w, r, "consent")
	p := consentPage{Receipts: s.o.Device.Receipts()}
	if v.Status.Sender.Ended == "" && v.Status.Sender.Consent != consent.Revoked {
		ctx, cancel := s.ask(r)
		defer cancel()
		var err error
		p.Text, err = s.o.Device.Text(ctx)
		v.problem(err)
	}
	return v, p
}

func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	v, p := s.consentView(w, r)
	v.Data = p
	s.show(w, http.StatusOK, v)
}

func (s *Server) grant(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	if r.PostForm.Get("agree") != "yes" {
		v, p := s.consentView(w, r)
		p.Missing = true
		v.Data = p
		s.show(w, http.StatusUnprocessableEntity, v)
		return
	}
	ctx, cancel := s.ask(r)
	defer cancel()
	if _, err := s.o.Device.Grant(ctx, r.PostForm.Get("version")); err != nil {
		s.fail(w, r, statusOf(err), "not_granted_error", err)
		return
	}
	http.Redirect(w, r, "/consent?lang="+language(r), http.StatusSeeOther)
}

// revoke shows the second form.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	v := s.view(w, r, "revoke")
	v.Data = consentPage{Once: s.handOut()}
	s.show(w, http.StatusOK, v)
}

// handOut makes a token that is good once.
func (s *Server) handOut() string {
	token := rand.Text()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, at := range s.once {
		if now.Sub(at) > onceLife || len(s.once) >= mostOnce {
			delete(s.once, t)
		}
	}
	s.once[token] = now
	return token
}

// redeem tells whether a token is good, and makes it good no more.
func (s *Server) redeem(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.once[token]
	delete(s.once, token)
	return ok && time.Since(at) <= onceLife
}

func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	if r.PostForm.Get("sure") != "yes" {
		v := s.view(w, r, "revoke")
		v.Data = consentPage{Once: s.handOut(), Missing: true}
		s.show(w, http.StatusUnprocessableEntity, v)
		return
	}
	if !s.redeem(r.PostForm.Get("once")) {
		s.fail(w, r, http.StatusForbidden, "form_old", nil)
		return
	}
	ctx, cancel := s.ask(r)
	defer cancel()
	if _, err := s.o.Device.Revoke(ctx); err != nil {
		s.fail(w, r, statusOf(err), "not_revoked_error", err)
		return
	}
	http.Redirect(w, r, "/consent?lang="+language(r), http.StatusSeeOther)
}

// statusOf is that of a page which says that the service refused, or was not reached.
func statusOf(err error) int {
	var p *household.Problem
	if errors.As(err, &p) {
		return http.StatusConflict
	}
	return http.StatusServiceUnavailable
}

func (s *Server) registration(w http.ResponseWriter, r *http.Request) {
	v := s.view(w, r, "registration")
	ctx, cancel := s.ask(r)
	defer cancel()
	if reg, err := s.o.Device.Registration(ctx); err != nil {
		v.problem(err)
	} else {
		v.Data = reg
	}
	s.show(w, http.StatusOK, v)
}

// measurementsPage is a day of a meter.
type measurementsPage struct {
	Meter            string
	Day, Before, Too string // dates; Too is the day after
	Charts           []chart
	Rows             []row
}

func (s *Server) measurements(w http.ResponseWriter, r *http.Request) {
	v := s.view(w, r, "measurements")
	if len(v.Status.Meters) == 0 {
		s.show(w, http.StatusOK, v)
		return
	}
	p := measurementsPage{Meter: r.URL.Query().Get("meter")}
	if !slices.ContainsFunc(v.Status.Meters, func(m edge.MeterStatus) bool { return m.ID == p.Meter }) {
		p.Meter = v.Status.Meters[0].ID
	}
	day, err := time.ParseInLocation(time.DateOnly, r.URL.Query().Get("day"), s.o.Zone)
	if err != nil || day.Year() < 2000 || day.Year() > 2200 {
		now := v.Status.Now.In(s.o.Zone)
		day = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, s.o.Zone)
	}
	next := day.AddDate(0, 0, 1)
	p.Day, p.Before, p.Too = day.Format(time.DateOnly), day.AddDate(0, 0, -1).Format(time.DateOnly), next.Format(time.DateOnly)
	ctx, cancel := s.ask(r)
	defer cancel()
	// A slot's energy ends with the next one's counter.
	all, err := s.o.Device.Measurements(ctx, p.Meter, day, next.Add(household.Quarter))
	v.problem(err)
	p.Rows = rowsOf(all, day, next)
	p.Charts = chartsOf(p.Rows, day, next, v.Lang)
	v.Data = p
	s.show(w, http.StatusOK, v)
}

// download writes everything into one file.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	status := s.o.Device.Status()
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="wattwerk-`+status.Now.Format(time.DateOnly)+`.zip"`)
	z := zip.NewWriter(w)
	err := s.write(r.Context(), z, status, language(r))
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		s.o.Log.Warn("not everything was downloaded", "error", err)
		panic(http.ErrAbortHandler) // the browser sees that it is not whole
	}
}

func (s *Server) write(ctx context.Context, z *zip.Writer, status edge.Status, lang string) error {
	object := func(name string, x any) error {
		f, err := z.Create(name)
		if err != nil {
			return err
		}
		e := json.NewEncoder(f)
		e.SetIndent("", "  ")
		return e.Encode(x)
	}
	asked, cancel := context.WithTimeout(ctx, askWithin)
	reg, failed := s.o.Device.Registration(asked)
	cancel()
	first := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if failed == nil {
		first = reg.Household.Registered.AddDate(0, 0, -1)
		if err := object("registration.json", reg); err != nil {
			return err
		}
	}
	if err := errors.Join(object("consent.json", s.o.Device.Receipts()), object("device.json", status)); err != nil {
		return err
	}
	f, err := z.Create("measurements.csv")
	if err != nil {
		return err
	}
	c := csv.NewWriter(f)
	if err := c.Write([]string{"meter", "slot", "obis", "raw", "scaler", "unit", "status"}); err != nil {
		return err
	}
	for _, m := range status.Meters {
		if m.ID == "" {
			continue
		}
		end := status.Now.Add(household.Quarter)
		for from, to := first, end; from.Before(end); from = to {
			// A month at a time, as all of it may be much; what is here alone, at once.
			if to = end; failed == nil {
				if to = from.AddDate(0, 1, 0); to.After(end) {
					to = end
				}
			}
			part, err := s.o.Device.Measurements(ctx, m.ID, from, to)
			if err != nil {
				failed = errors.Join(failed, err)
			}
			for _, x := range part {
				status := ""
				if x.Status != nil {
					status = strconv.FormatInt(*x.Status, 10)
				}
				if err := c.Write([]string{x.Meter, x.Slot.UTC().Format(time.RFC3339), x.OBIS, strconv.FormatInt(x.Raw, 10), strconv.Itoa(x.Scaler), x.Unit, status}); err != nil {
					return err
				}
			}
		}
	}
	if c.Flush(); c.Error() != nil {
		return c.Error()
	}
	if f, err = z.Create("README.txt"); err != nil {
		return err
	}
	about := text(lang, "about_download")
	if failed != nil {
		v := view{Lang: lang}
		v.problem(failed)
		about += "\n" + text(lang, "download_partial") + " " + v.Error + "\n"
	}
	_, err = fmt.Fprint(f, about)
	return err
}

// funcs are what templates call.
func funcs(lang string, zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"t": func(key string, a ...any) string { return text(lang, key, a...) },
		"date": func(t any) string {
			switch t := t.(type) {
			case time.Time:
				return date(t, lang, zone)
			case *time.Time:
				if t != nil {
					return date(*t, lang, zone)
				}
			}
			return text(lang, "never")
		},
		"unix":  func(n int64) string { return date(time.Unix(n, 0), lang, zone) },
		"clock": func(t time.Time) string { return t.In(zone).Format("15:04") },
		"num":   func(v *float64) string { return number(v, lang) },
	}
}

func date(t time.Time, lang string, zone *time.Location) string {
	if t.IsZero() {
		return text(lang, "never")
	}
	if lang == "de" {
		return t.In(zone).Format("02.01.2006 15:04")
	}
	return t.In(zone).Format("2006-01-02 15:04")
}
