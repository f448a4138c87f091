package repository

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/uptrace/bun"

	"github.com/wattwerk/wattwerk/internal/etag"
)

// mostKept bounds how many unfinished manifests are kept.
const mostKept = 1000

// keptRow is an unfinished manifest. It is no model: nothing refers to it, it is in
// no bundle, and nobody runs it.
type keptRow struct {
	bun.BaseModel `bun:"table:manifest_drafts,alias:k"`

	ID        string `bun:"id,pk"`
	Name      string `bun:"name"`
	Manifest  string `bun:"manifest"`
	Base      int64  `bun:"base"`
	Doc       string `bun:"doc"`
	Version   int64  `bun:"version"`
	Created   int64  `bun:"created"`
	Changed   int64  `bun:"changed"`
	ChangedBy string `bun:"changed_by"`
}

// ManifestDraft is an unfinished manifest that somebody keeps. It never runs.
type ManifestDraft struct {
	Name     string          `json:"name" maxLength:"200" doc:"For people"`
	Manifest string          `json:"manifest,omitempty" maxLength:"36" doc:"Id of the manifest that it would change; absent: a new one"`
	Base     int64           `json:"base,omitempty" minimum:"0" doc:"Version of that manifest when the draft began"`
	Document json.RawMessage `json:"document" doc:"What the editor has: an object, which need not be a manifest that could run"`
}

// KeptDraft is one with what is known of its changes.
type KeptDraft struct {
	ID string `json:"id"`
	ManifestDraft
	Version   int64     `json:"version"`
	Created   time.Time `json:"created"`
	Changed   time.Time `json:"changed"`
	ChangedBy string    `json:"changedBy"`
}

func (r *keptRow) draft() KeptDraft {
	return KeptDraft{
		ID: r.ID, ManifestDraft: ManifestDraft{r.Name, r.Manifest, r.Base, json.RawMessage(r.Doc)},
		Version: r.Version, Created: time.UnixMilli(r.Created).UTC(), Changed: time.UnixMilli(r.Changed).UTC(), ChangedBy: r.ChangedBy,
	}
}

func noDraft(id string) error { return fmt.Errorf("%w: there is no draft %.60q", ErrNotFound, id) }

// KeptDraft gives a draft.
func (s *Store) KeptDraft(ctx context.Context, id string) (KeptDraft, error) {
	var r keptRow
	err := s.db.NewSelect().Model(&r).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return KeptDraft{}, noDraft(id)
	}
	return r.draft(), err
}

// KeptDrafts gives all drafts, the last changed first, without their documents.
func (s *Store) KeptDrafts(ctx context.Context) ([]KeptDraft, error) {
	var rows []keptRow
	if err := s.db.NewSelect().Model(&rows).ExcludeColumn("doc").OrderExpr("changed DESC, id").Limit(mostKept).Scan(ctx); err != nil {
		return nil, err
	}
	out := make([]KeptDraft, len(rows))
	for i := range rows {
		rows[i].Doc = "null"
		out[i] = rows[i].draft()
	}
	return out, nil
}

// Keep keeps a draft: a new one without an id, else that of the id, when it is
// of the version.
func (s *Store) Keep(ctx context.Context, id string, version int64, d ManifestDraft, who string) (KeptDraft, error) {
	doc := strings.TrimSpace(string(d.Document))
	switch {
	case !strings.HasPrefix(doc, "{") || !json.Valid(d.Document):
		return KeptDraft{}, fmt.Errorf("%w: the document is no object", ErrInvalid)
	case len(doc) > s.opts.Largest:
		return KeptDraft{}, fmt.Errorf("%w: the document has %d bytes; at most %d are kept", ErrInvalid, len(doc), s.opts.Largest)
	case d.Manifest != "" && !isID(d.Manifest):
		return KeptDraft{}, fmt.Errorf("%w: %.60q is no id of a manifest", ErrInvalid, d.Manifest)
	}
	now := s.opts.Now().UnixMilli()
	if id == "" {
		n, err := s.db.NewSelect().Model((*keptRow)(nil)).Count(ctx)
		if err != nil {
			return KeptDraft{}, err
		}
		if n >= mostKept {
			return KeptDraft{}, fmt.Errorf("%w: there are %d drafts, and no more are kept; remove some", ErrInvalid, n)
		}
		r := keptRow{ID: newID(), Name: d.Name, Manifest: d.Manifest, Base: d.Base, Doc: doc, Version: 1, Created: now, Changed: now, ChangedBy: who}
		_, err = s.db.NewInsert().Model(&r).Exec(ctx)
		return r.draft(), err
	}
	q := s.db.NewUpdate().Model((*keptRow)(nil)).Set("name = ?", d.Name).Set("manifest = ?", d.Manifest).Set("base = ?", d.Base).Set("doc = ?", doc).
		Set("version = version + 1").Set("changed = ?", now).Set("changed_by = ?", who).Where("id = ?", id)
	if version != etag.Any {
		q = q.Where("version = ?", version)
	}
	if err := s.keptAs(ctx, id, q.Exec); err != nil {
		return KeptDraft{}, err
	}
	return s.KeptDraft(ctx, id)
}

// Discard removes a draft, when it is of the version.
func (s *Store) Discard(ctx context.Context, id string, version int64) error {
	q := s.db.NewDelete().Model((*keptRow)(nil)).Where("id = ?", id)
	if version != etag.Any {
		q = q.Where("version = ?", version)
	}
	return s.keptAs(ctx, id, q.Exec)
}

// keptAs does something to one draft, and says why when it did nothing.
func (s *Store) keptAs(ctx context.Context, id string, do func(context.Context, ...any) (sql.Result, error)) error {
	done, err := do(ctx)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if _, err := s.KeptDraft(ctx, id); err != nil {
		return err
	}
	return ErrChanged
}

type draftsOutput struct {
	Body struct {
		Drafts []KeptDraft `json:"drafts" doc:"The last changed first; their documents are null here"`
	}
}

type draftOutput struct {
	ETag string `header:"ETag"`
	Body KeptDraft
}

func kept(d KeptDraft, err error) (*draftOutput, error) {
	if err != nil {
		return nil, refuse(err)
	}
	return &draftOutput{etag.Of(d.Version), d}, nil
}

func (s *Store) registerDrafts(api huma.API) {
	const base = "/api/v1/manifest-drafts"
	huma.Register(api, op("list-manifest-drafts", http.MethodGet, base, "Unfinished manifests that are kept", ""), func(ctx context.Context, _ *struct{}) (*draftsOutput, error) {
		all, err := s.KeptDrafts(ctx)
		out := new(draftsOutput)
		out.Body.Drafts = all
		return out, refuse(err)
	})
	create := op("create-manifest-draft", http.MethodPost, base, "Keep an unfinished manifest", "It never runs, and nothing can refer to it.", 422)
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(ctx context.Context, in *struct{ Body ManifestDraft }) (*draftOutput, error) {
		return kept(s.Keep(ctx, "", etag.Any, in.Body, s.opts.Who(ctx)))
	})
	huma.Register(api, op("get-manifest-draft", http.MethodGet, base+"/{id}", "An unfinished manifest", "", 404), func(ctx context.Context, in *Ref) (*draftOutput, error) {
		return kept(s.KeptDraft(ctx, in.ID))
	})
	huma.Register(api, op("put-manifest-draft", http.MethodPut, base+"/{id}", "Keep what became of an unfinished manifest", "", 400, 404, 412, 422), func(ctx context.Context, in *struct {
		Precondition
		Body ManifestDraft
	}) (*draftOutput, error) {
		match, err := etag.Match(in.IfMatch)
		if err != nil {
			return nil, refuse(err)
		}
		return kept(s.Keep(ctx, in.ID, match, in.Body, s.opts.Who(ctx)))
	})
	huma.Register(api, op("delete-manifest-draft", http.MethodDelete, base+"/{id}", "Give an unfinished manifest up", "", 400, 404, 412), func(ctx context.Context, in *Precondition) (*struct{}, error) {
		match, err := etag.Match(in.IfMatch)
		if err == nil {
			err = s.Discard(ctx, in.ID, match)
		}
		return nil, refuse(err)
	})
}
