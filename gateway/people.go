package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/access"
)

func viewUser(u access.User) UserView {
	return UserView{ID: u.ID, Name: u.Name, Role: string(u.Role), External: u.External, Created: u.Created, SignedIn: u.SignedIn}
}

func viewToken(t access.Token) TokenView {
	return TokenView{
		ID: t.ID, Name: t.Name, Role: string(t.Role), Scopes: names(t.Scopes), Created: t.Created,
		CreatedBy: t.CreatedBy, Used: t.Used, Expires: t.Expires,
	}
}

type newUser struct {
	Body struct {
		Name     string `json:"name" minLength:"1" maxLength:"100" example:"eva"`
		Password string `json:"password" minLength:"10" maxLength:"500" format:"password"`
		Role     string `json:"role" enum:"viewer,operator,researcher,administrator"`
	}
}

type changedUser struct {
	ID   string `path:"id" maxLength:"100"`
	Body struct {
		Role     string `json:"role,omitempty" enum:"viewer,operator,researcher,administrator" doc:"Missing: stays"`
		Password string `json:"password,omitempty" minLength:"10" maxLength:"500" format:"password" doc:"Missing: stays. A new one ends the user's sessions"`
	}
}

// LinkView is a one-time sign-in link.
type LinkView struct {
	URL     string    `json:"url" doc:"Signs in once"`
	Expires time.Time `json:"expires"`
}

func (s *Service) registerUsers(tags []string) {
	huma.Register(s.api, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/api/v1/users", Tags: tags, Security: Needs(access.Admin),
		Summary: "All users",
	}, func(ctx context.Context, _ *struct{}) (*list[UserView], error) {
		us, err := s.opts.Access.Users(ctx)
		if err != nil {
			return nil, status(err)
		}
		o := new(list[UserView])
		o.Body.Items = make([]UserView, len(us))
		for i, u := range us {
			o.Body.Items[i] = viewUser(u)
		}
		return o, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "create-user", Method: http.MethodPost, Path: "/api/v1/users", Tags: tags, Security: Needs(access.Admin),
		Summary: "Add a user", DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, func(ctx context.Context, in *newUser) (*out[UserView], error) {
		u, err := s.opts.Access.CreateUser(ctx, in.Body.Name, in.Body.Password, access.Role(in.Body.Role))
		if err != nil {
			return nil, status(err)
		}
		s.audit(ctx, "user created", "user", u.Name, "role", u.Role)
		return &out[UserView]{viewUser(u)}, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "change-user", Method: http.MethodPatch, Path: "/api/v1/users/{id}", Tags: tags, Security: Needs(access.Admin),
		Summary: "Change a user's role or password", Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.changeUser)
	huma.Register(s.api, huma.Operation{
		OperationID: "delete-user", Method: http.MethodDelete, Path: "/api/v1/users/{id}", Tags: tags, Security: Needs(access.Admin),
		Summary: "Remove a user", DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *byID) (*struct{}, error) {
		if err := s.opts.Access.DeleteUser(ctx, in.ID); err != nil {
			return nil, status(err)
		}
		s.audit(ctx, "user deleted", "id", in.ID)
		return nil, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "create-link", Method: http.MethodPost, Path: "/api/v1/users/{id}/link", Tags: tags, Security: Needs(access.Admin),
		Summary: "Make a link that signs the user in once, within 15 minutes", DefaultStatus: http.StatusCreated, Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *byID) (*out[LinkView], error) {
		u, err := s.opts.Access.UserByID(ctx, in.ID)
		if err != nil {
			return nil, status(err)
		}
		link, err := s.SignInURL(ctx, u.ID)
		if err != nil {
			return nil, status(err)
		}
		s.audit(ctx, "sign-in link made", "user", u.Name)
		return &out[LinkView]{LinkView{URL: link, Expires: time.Now().Add(access.LinkLife).UTC().Truncate(time.Second)}}, nil
	})
}

func (s *Service) changeUser(ctx context.Context, in *changedUser) (*out[UserView], error) {
	if in.Body.Role != "" {
		u, err := s.opts.Access.UserByID(ctx, in.ID)
		if err != nil {
			return nil, status(err)
		}
		if u.External {
			return nil, huma.Error409Conflict("the role of " + u.Name + " is given by the OpenID provider")
		}
		if err := s.opts.Access.SetRole(ctx, in.ID, access.Role(in.Body.Role)); err != nil {
			return nil, status(err)
		}
	}
	if in.Body.Password != "" {
		if err := s.opts.Access.SetPassword(ctx, in.ID, in.Body.Password); err != nil {
			return nil, status(err)
		}
	}
	u, err := s.opts.Access.UserByID(ctx, in.ID)
	if err != nil {
		return nil, status(err)
	}
	s.audit(ctx, "user changed", "user", u.Name, "role", u.Role, "password", in.Body.Password != "")
	return &out[UserView]{viewUser(u)}, nil
}

type newToken struct {
	Body struct {
		Name    string     `json:"name" minLength:"1" maxLength:"100" doc:"What it is for" example:"telegraf"`
		Role    string     `json:"role,omitempty" enum:"viewer,operator,researcher,administrator" doc:"Either a role or scopes"`
		Scopes  []string   `json:"scopes,omitempty" enum:"read,ingest,operate,admin,account,household,consent,measurement-read,measurement-write" doc:"Either a role or scopes"`
		Expires *time.Time `json:"expires,omitempty" doc:"Missing: never"`
	}
}

// NewTokenView is a token with its secret, which is shown this once.
type NewTokenView struct {
	TokenView
	Secret string `json:"secret" doc:"The token itself; it cannot be had again" example:"ww_…"`
}

func (s *Service) registerTokens(tags []string) {
	huma.Register(s.api, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Tags: tags, Security: Needs(access.Admin),
		Summary: "All tokens, newest first",
	}, func(ctx context.Context, _ *struct{}) (*list[TokenView], error) {
		ts, err := s.opts.Access.Tokens(ctx)
		if err != nil {
			return nil, status(err)
		}
		o := new(list[TokenView])
		o.Body.Items = make([]TokenView, len(ts))
		for i, t := range ts {
			o.Body.Items[i] = viewToken(t)
		}
		return o, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/api/v1/tokens", Tags: tags, Security: Needs(access.Admin),
		Summary: "Make a token for a machine", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, in *newToken) (*out[NewTokenView], error) {
		who, _ := access.From(ctx)
		spec := access.TokenSpec{Name: in.Body.Name, Role: access.Role(in.Body.Role), By: who.Name}
		for _, sc := range in.Body.Scopes {
			spec.Scopes = append(spec.Scopes, access.Scope(sc))
		}
		if in.Body.Expires != nil {
			spec.Expires = *in.Body.Expires
		}
		sec, t, err := s.opts.Access.CreateToken(ctx, spec)
		if err != nil {
			return nil, status(err)
		}
		s.audit(ctx, "token created", "token", t.Name, "id", t.ID, "scopes", names(t.Scopes))
		return &out[NewTokenView]{NewTokenView{TokenView: viewToken(t), Secret: sec}}, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", Tags: tags, Security: Needs(access.Admin),
		Summary: "Revoke a token", DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *byID) (*struct{}, error) {
		if err := s.opts.Access.RevokeToken(ctx, in.ID); err != nil {
			return nil, status(err)
		}
		s.audit(ctx, "token revoked", "id", in.ID)
		return nil, nil
	})
}

// audit logs who changed what about access.
func (s *Service) audit(ctx context.Context, what string, attrs ...any) {
	who, _ := access.From(ctx)
	s.opts.Log.Info("access changed", append([]any{"what", what, "by", who.Name}, attrs...)...)
}
