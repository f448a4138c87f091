package survey

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/golang-jwt/jwt/v5"

	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/survey/consent"
	"github.com/wattwerk/wattwerk/survey/household"
	"github.com/wattwerk/wattwerk/survey/identity"
	"github.com/wattwerk/wattwerk/survey/register"
)

// scheme is the name operations give in their Security.
const scheme = "survey"

// TokenKey is the name of the key that signs tokens of other sources.
const TokenKey = "tokens"

// audience is what tokens of other sources are for.
const audience = "wattwerk survey"

// caller is who makes a request.
type caller struct {
	register.Bearer        // of staff the scopes alone
	staff           string // name
	ended           bool   // a device of a household that has revoked its consent
	problem         *household.Problem
}

type callerKey struct{}

func from(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	if c == nil {
		return &caller{problem: errNobody}
	}
	return c
}

// who is how logs call somebody.
func (c *caller) who() string {
	if c.staff != "" {
		return c.staff
	}
	return "device " + c.Device
}

func (c *caller) has(scope string) bool { return slices.Contains(c.Scopes, scope) }

var errNobody = household.Refuse(http.StatusUnauthorized, "no_identity", household.None, "show the certificate of a device, or a token")

// Claims are what the token of another source says.
type Claims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
}

// SignSource makes the token of another source of data: a JWT for its device with
// the scopes. id is the name of the credential.
func SignSource(key ed25519.PrivateKey, device, id string, scopes []string, now, expires time.Time) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: identity.URI(device), ID: id, Audience: jwt.ClaimStrings{audience}, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Scope: strings.Join(scopes, " "),
	})
	signed, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed, nil
}

// identify finds out who makes a request. Who may do what is for authorise.
func (s *Service) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		c, err := s.caller(r)
		if err != nil {
			s.log.Warn("who asks could not be looked up", "error", err)
			problem.Write(w, http.StatusServiceUnavailable, "who you are cannot be looked up at the moment; try again")
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func (s *Service) caller(r *http.Request) (*caller, error) {
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		device, err := s.o.Authority.Check(r.TLS.PeerCertificates)
		switch {
		case errors.Is(err, identity.ErrExpired):
			return refused(http.StatusUnauthorized, "certificate_expired", household.Renew, "the certificate has expired: the device needs a new enrolment token"), nil
		case errors.Is(err, identity.ErrEarly):
			return refused(http.StatusUnauthorized, "certificate_early", household.FixClock, "the certificate is not valid yet: look at the clocks"), nil
		case err != nil:
			return refused(http.StatusUnauthorized, "wrong_authority", household.None, "the certificate is not that of a device of this survey"), nil
		}
		return s.bearer(r.Context(), device, identity.Serial(r.TLS.PeerCertificates[0]), nil)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok:
		return &caller{problem: errNobody}, nil
	case strings.Count(token, ".") == 2:
		return s.source(r.Context(), token)
	case s.o.Staff == nil:
		return refused(http.StatusUnauthorized, "token_invalid", household.None, ErrDenied.Error()), nil
	}
	name, scopes, err := s.o.Staff(r.Context(), token)
	switch {
	case errors.Is(err, ErrDenied):
		return refused(http.StatusUnauthorized, "token_invalid", household.None, ErrDenied.Error()), nil
	case err != nil:
		return nil, err
	}
	return &caller{staff: name, Bearer: register.Bearer{Scopes: scopes}}, nil
}

func refused(status int, code string, action household.Action, detail string) *caller {
	return &caller{problem: household.Refuse(status, code, action, detail)}
}

// source tells whose signed token it is.
func (s *Service) source(ctx context.Context, token string) (*caller, error) {
	var c Claims
	public, _ := s.jwt.Public().(ed25519.PublicKey)
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.o.Now))
	device, ok := strings.CutPrefix(c.Subject, identity.URI(""))
	if err != nil || !ok || c.ID == "" {
		return refused(http.StatusUnauthorized, "token_invalid", household.None, "the signed token is not of this survey, or has expired"), nil
	}
	return s.bearer(ctx, device, c.ID, strings.Fields(c.Scope))
}

// bearer looks up a device by what it has shown. scopes are those of a token; a
// certificate has all.
func (s *Service) bearer(ctx context.Context, device, credential string, scopes []string) (*caller, error) {
	b, err := s.o.Store.Bearer(ctx, device, credential)
	switch {
	case errors.Is(err, register.ErrGone):
		return &caller{ended: true, Bearer: register.Bearer{Device: device}, problem: errEnded}, nil
	case errors.Is(err, register.ErrRevoked):
		return refused(http.StatusForbidden, "credential_revoked", household.Stop, "this certificate or token was revoked"), nil
	case errors.Is(err, register.ErrNotFound):
		return refused(http.StatusForbidden, "unknown_device", household.Stop, "the survey has no such device"), nil
	case err != nil:
		return nil, err
	}
	if b.Kind == household.Edge {
		b.Scopes = []string{Account, Household, Consent, MeasurementRead, MeasurementWrite}
	} else {
		b.Scopes = slices.DeleteFunc(scopes, func(x string) bool { return !slices.Contains(b.Scopes, x) })
	}
	return &caller{Bearer: b}, nil
}

var errEnded = household.Refuse(http.StatusGone, "consent_revoked", household.Stop, "the consent was revoked, and the household is anonymous: measure no more, and delete what was measured")

// public marks operations that anybody may call.
const public = "public"

// staffOnly marks operations that are not for devices.
const staffOnly = "staff"

// endedToo marks operations that devices may call whose household has revoked its
// consent.
const endedToo = "ended"

// authorise checks who may call an operation.
func (s *Service) authorise(ctx huma.Context, next func(huma.Context)) {
	op, c := ctx.Operation(), from(ctx.Context())
	if p := allowed(op, c); p != nil {
		s.log.Warn("a request was refused", "operation", op.OperationID, "code", p.Code, "device", c.Device, "staff", c.staff, "remote", ctx.RemoteAddr())
		s.write(ctx, p)
		return
	}
	next(ctx)
}

func allowed(op *huma.Operation, c *caller) *household.Problem {
	_, open := op.Metadata[public]
	_, ended := op.Metadata[endedToo]
	_, staff := op.Metadata[staffOnly]
	switch {
	case open || ended && c.ended:
		return nil
	case c.problem != nil:
		return c.problem
	case staff && c.staff == "", !staff && c.staff != "":
		if staff {
			return household.Refuse(http.StatusForbidden, "staff_only", household.None, "this is for those who look after the survey")
		}
		return household.Refuse(http.StatusForbidden, "devices_only", household.None, "this is about the household of a device; look below /management")
	}
	for _, alternative := range op.Security {
		for _, scope := range alternative[scheme] {
			if !c.has(scope) {
				return household.Refuse(http.StatusForbidden, "scope_missing", household.None, "the scope "+scope+" is missing")
			}
		}
	}
	return nil
}

// write answers with a refusal.
func (s *Service) write(ctx huma.Context, p *household.Problem) {
	s.metrics.refused(p)
	ctx.SetHeader("Content-Type", p.ContentType(""))
	if p.Status == http.StatusUnauthorized {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="wattwerk survey"`)
	}
	ctx.SetStatus(p.Status)
	// The connection is all that can fail here.
	_ = s.api.Marshal(ctx.BodyWriter(), "application/json", p)
}

// refuse makes errors of the store those of HTTP.
func (s *Service) refuse(ctx context.Context, err error) error {
	var p *household.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
	case errors.Is(err, register.ErrGone):
		p = errEnded
	case errors.Is(err, consent.ErrRevoked):
		p = household.Refuse(http.StatusConflict, "consent_revoked", household.Stop, consent.ErrRevoked.Error())
	case errors.Is(err, consent.ErrNotGranted):
		p = household.Refuse(http.StatusConflict, "consent_missing", household.Wait, consent.ErrNotGranted.Error())
	case errors.Is(err, register.ErrNoConsent):
		p = household.Refuse(http.StatusForbidden, "consent_missing", household.Wait, "there is no consent: measure nothing until there is")
	case errors.Is(err, register.ErrText):
		p = household.Refuse(http.StatusConflict, "text_changed", household.Ask, "another text is in force: show it, and ask again")
	case errors.Is(err, register.ErrToken):
		p = household.Refuse(http.StatusForbidden, "enrolment_refused", household.None, "the enrolment token is not known, was used, or has expired")
	case errors.Is(err, identity.ErrRequest):
		p = household.Refuse(http.StatusUnprocessableEntity, "request_invalid", household.None, err.Error())
	case errors.Is(err, register.ErrSequence):
		p = household.Refuse(http.StatusConflict, "sequence_used", household.None, "another batch had this number already: number this one anew")
	case errors.Is(err, register.ErrMany):
		p = household.Refuse(http.StatusTooManyRequests, "too_many", household.Drop, register.ErrMany.Error())
	case errors.Is(err, register.ErrInvalid):
		p = household.Refuse(http.StatusUnprocessableEntity, "invalid", household.None, err.Error())
	case errors.Is(err, register.ErrNotFound):
		p = household.Refuse(http.StatusNotFound, "not_found", household.None, "there is no such thing in this household")
		if from(ctx).staff != "" {
			p = household.Refuse(http.StatusNotFound, "not_found", household.None, err.Error())
		}
	default:
		s.log.Warn("a request could not be answered", "device", from(ctx).Device, "error", err)
		return household.Refuse(http.StatusServiceUnavailable, "unavailable", household.Retry, "this cannot be done at the moment; try again")
	}
	s.log.Info("a request was refused", "code", p.Code, "device", from(ctx).Device, "staff", from(ctx).staff)
	return p
}
