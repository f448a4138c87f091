package cir

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/cir/book"
	"github.com/wattwerk/wattwerk/cir/item"
	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/internal/sqldb"
)

var (
	mayRead    = []map[string][]string{{"wattwerk": {"read"}}}
	mayOperate = []map[string][]string{{"wattwerk": {"operate"}}}
)

// mostBody bounds the body of a command, in bytes.
const mostBody = 16 << 20

// refuse is the one place where an error becomes a status.
func refuse(err error) error {
	var status huma.StatusError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status): // a fault
		return status
	case errors.Is(err, item.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, item.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case sqldb.Down(err):
		return problem.DatabaseAway()
	}
	return huma.Error500InternalServerError("it was not done", err)
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	s.registerCommands(api)
	s.registerQuestions(api)
	s.registerChanges(api)
	s.registerFiles(api)
}

const prefix = "/api/v1/cir"

// op describes a route; faults are statuses that answer with a fault of the
// specification.
func op(api huma.API, id, method, path, summary, description string, may []map[string][]string, faults ...int) huma.Operation {
	o := huma.Operation{
		OperationID: id, Method: method, Path: prefix + path, Summary: summary, Description: description, Tags: []string{"Interoperability registry"},
		Security: may, Errors: []int{422, 503}, MaxBodyBytes: mostBody, BodyReadTimeout: time.Minute, Responses: make(map[string]*huma.Response),
	}
	for _, f := range faults {
		o.Responses[strconv.Itoa(f)] = &huma.Response{Description: http.StatusText(f), Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[item.CIRFault](), true, "CIRFault")},
		}}
	}
	return o
}

type madeOut struct{ Body book.ChangeMade }

func made(c book.ChangeMade, err error) (*madeOut, error) {
	if err != nil {
		return nil, refuse(err)
	}
	return &madeOut{c}, nil
}

// SplitDone is the answer to a split.
type SplitDone struct {
	book.ChangeMade
	CIRID string `json:"cirid" doc:"Of the entries from now on"`
}

func (s *Service) registerCommands(api huma.API) {
	create := op(api, "cir-create", http.MethodPost, "/registries", "CreateRegistry",
		"Creates registries, categories, entries and properties, nested. An entry or a property that is there already is a fault, and nothing is created.", mayOperate, 403, 409)
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(ctx context.Context, in *struct{ Body book.Creating }) (*madeOut, error) {
		return made(s.opts.Store.CreateRegistry(ctx, s.opts.Actor(ctx), &in.Body, s.opts.Closed))
	})
	equivalent := op(api, "cir-create-equivalent", http.MethodPost, "/equivalent-entries", "CreateEquivalentEntries",
		"Creates entries beside existing ones. When the existing one has a CIRID both have that; else both have the new one's, or one that is made.", mayOperate, 404, 409)
	equivalent.DefaultStatus = http.StatusCreated
	huma.Register(api, equivalent, func(ctx context.Context, in *struct {
		Body struct {
			Entries []book.EquivalentEntry `json:"entries" minItems:"1" maxItems:"10000"`
		}
	},
	) (*madeOut, error) {
		return made(s.opts.Store.CreateEquivalent(ctx, s.opts.Actor(ctx), in.Body.Entries))
	})
	huma.Register(api, op(api, "cir-update", http.MethodPatch, "/registries", "UpdateRegistry",
		"Sets what is given of things that are there. What is absent stays as it is; what is empty is taken away.", mayOperate, 404),
		func(ctx context.Context, in *struct {
			Body struct {
				Registries []item.RegistryItem `json:"registries" minItems:"1" maxItems:"1000"`
			}
		},
		) (*madeOut, error) {
			return made(s.opts.Store.UpdateRegistry(ctx, s.opts.Actor(ctx), in.Body.Registries))
		})
	huma.Register(api, op(api, "cir-merge", http.MethodPost, "/merge", "UpdateEntryCIRID",
		"Gives the new CIRID to all entries that have one of the old ones: they are the same thing from now on. It is no fault when there is none.", mayOperate),
		func(ctx context.Context, in *struct {
			Body struct {
				OldCIRIDs []string `json:"oldCirids" minItems:"1" maxItems:"10000"`
				NewCIRID  string   `json:"newCirid" maxLength:"36"`
			}
		},
		) (*madeOut, error) {
			return made(s.opts.Store.Merge(ctx, s.opts.Actor(ctx), in.Body.OldCIRIDs, in.Body.NewCIRID))
		})
	type entriesIn struct {
		Body struct {
			Entries []item.EntryIdentifier `json:"entries" minItems:"1" maxItems:"50000"`
		}
	}
	huma.Register(api, op(api, "cir-split", http.MethodPost, "/split", "Take entries out of their equivalence",
		"The entries get a new CIRID that they share; those that are not named keep theirs. Not in the specification.", mayOperate, 404),
		func(ctx context.Context, in *entriesIn) (*struct{ Body SplitDone }, error) {
			id, done, err := s.opts.Store.Split(ctx, s.opts.Actor(ctx), in.Body.Entries)
			if err != nil {
				return nil, refuse(err)
			}
			return &struct{ Body SplitDone }{SplitDone{done, id}}, nil
		})
	huma.Register(api, op(api, "cir-delete-registries", http.MethodPost, "/registries/delete", "DeleteRegistry", "With all that is in them.", mayOperate, 404),
		func(ctx context.Context, in *struct {
			Body struct {
				IDs []string `json:"ids" minItems:"1" maxItems:"1000"`
			}
		},
		) (*madeOut, error) {
			return made(s.opts.Store.DeleteRegistries(ctx, s.opts.Actor(ctx), in.Body.IDs))
		})
	huma.Register(api, op(api, "cir-delete-categories", http.MethodPost, "/categories/delete", "DeleteCategory", "With all that is in them.", mayOperate, 404),
		func(ctx context.Context, in *struct {
			Body struct {
				Categories []item.CategoryIdentifier `json:"categories" minItems:"1" maxItems:"10000"`
			}
		},
		) (*madeOut, error) {
			return made(s.opts.Store.DeleteCategories(ctx, s.opts.Actor(ctx), in.Body.Categories))
		})
	huma.Register(api, op(api, "cir-delete-entries", http.MethodPost, "/entries/delete", "DeleteEntries", "With their properties. What the installation still has registers itself again, with another CIRID.", mayOperate, 404),
		func(ctx context.Context, in *entriesIn) (*madeOut, error) {
			return made(s.opts.Store.DeleteEntries(ctx, s.opts.Actor(ctx), in.Body.Entries))
		})
	huma.Register(api, op(api, "cir-delete-properties", http.MethodPost, "/properties/delete", "DeleteProperties", "", mayOperate, 404),
		func(ctx context.Context, in *struct {
			Body struct {
				Properties []item.PropertyIdentifier `json:"properties" minItems:"1" maxItems:"50000"`
			}
		},
		) (*madeOut, error) {
			return made(s.opts.Store.DeleteProperties(ctx, s.opts.Actor(ctx), in.Body.Properties))
		})
}

// PageInput is which part of an answer is wanted.
type PageInput struct {
	After string `query:"after" doc:"The next of the page before" maxLength:"20"`
	Limit int    `query:"limit" doc:"Entries of a page" minimum:"1" maximum:"10000" default:"1000"`
}

func (p *PageInput) after() (int64, error) {
	if p.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.After, 10, 64)
	if err != nil || n < 0 {
		return 0, huma.Error422UnprocessableEntity("after is not the next of a page")
	}
	return n, nil
}

const patterns = "All texts are patterns that have to fit as a whole: . stands for any character, * + ? say how often what stands before it comes, and \\\\ takes its meaning from the character that follows."

func (s *Service) registerQuestions(api huma.API) {
	search := op(api, "cir-get", http.MethodPost, "/registries/search", "GetRegistry",
		"Things that one of the filters picks, and what is below them; without filters everything. "+patterns, mayRead)
	huma.Register(api, search, func(ctx context.Context, in *struct {
		PageInput
		Body struct {
			Filters []book.ThingFilter `json:"filters,omitempty" maxItems:"64"`
		}
	},
	) (*struct{ Body *book.FoundThings }, error) {
		after, err := in.after()
		if err != nil {
			return nil, err
		}
		out, err := s.opts.Store.Get(ctx, in.Body.Filters, after, in.Limit)
		return &struct{ Body *book.FoundThings }{out}, refuse(err)
	})
	list := op(api, "cir-list", http.MethodGet, "/registries", "GetRegistry with one filter", patterns, mayRead)
	huma.Register(api, list, func(ctx context.Context, in *struct {
		PageInput
		FilterInput
	},
	) (*struct{ Body *book.FoundThings }, error) {
		after, err := in.after()
		if err != nil {
			return nil, err
		}
		out, err := s.opts.Store.Get(ctx, in.filters(), after, in.Limit)
		return &struct{ Body *book.FoundThings }{out}, refuse(err)
	})
	huma.Register(api, op(api, "cir-equivalents", http.MethodPost, "/equivalent-entries/search", "GetEquivalentEntries",
		"The entries that are named, in their order, and those that are the same thing. Target sources are patterns; they pick among the equivalents alone. An entry that is not there is null.", mayRead),
		func(ctx context.Context, in *struct {
			Body struct {
				Entries       []item.EntryIdentifier `json:"entries" minItems:"1" maxItems:"1000"`
				TargetSources []string               `json:"targetSourceIds,omitempty" maxItems:"64"`
			}
		},
		) (*struct {
			Body struct {
				Entries []book.EquivalentsOf `json:"entries"`
			}
		}, error,
		) {
			all, err := s.opts.Store.Equivalents(ctx, in.Body.Entries, in.Body.TargetSources)
			if err != nil {
				return nil, refuse(err)
			}
			out := new(struct {
				Body struct {
					Entries []book.EquivalentsOf `json:"entries"`
				}
			})
			out.Body.Entries = all
			return out, nil
		})
	huma.Register(api, op(api, "cir-by-cirid", http.MethodGet, "/cirids/{cirid}/entries", "GetEntriesByCIRID", "Entries of a CIRID; there may be none. Target sources are patterns.", mayRead),
		func(ctx context.Context, in *struct {
			CIRID   string   `path:"cirid" maxLength:"36"`
			Sources []string `query:"target,explode" doc:"Only those of such a source; may be repeated" maxItems:"64"`
		},
		) (*struct {
			Body struct {
				Entries []book.LinkedEntry `json:"entries"`
			}
		}, error,
		) {
			all, err := s.opts.Store.ByCIRID(ctx, in.CIRID, in.Sources)
			if err != nil {
				return nil, refuse(err)
			}
			out := new(struct {
				Body struct {
					Entries []book.LinkedEntry `json:"entries"`
				}
			})
			out.Body.Entries = all
			return out, nil
		})
	gather := op(api, "cir-gather", http.MethodGet, "/{cirid}", "A thing as all systems know it",
		"All entries of the CIRID, the series of this installation that belong to them with their newest readings, and what may be the same thing and is not linked.", mayRead)
	gather.Errors = append(gather.Errors, 404)
	huma.Register(api, gather, func(ctx context.Context, in *struct {
		CIRID string `path:"cirid" maxLength:"36"`
	},
	) (*struct{ Body *Gathered }, error) {
		out, err := s.gather(ctx, in.CIRID)
		return &struct{ Body *Gathered }{out}, refuse(err)
	})
}

// FilterInput is a filter in an address.
type FilterInput struct {
	Registry       string `query:"registry" maxLength:"500"`
	Category       string `query:"category" maxLength:"500"`
	CategorySource string `query:"category_source" maxLength:"500"`
	IDInSource     string `query:"id_in_source" maxLength:"500"`
	Source         string `query:"source" maxLength:"500"`
	CIRID          string `query:"cirid" maxLength:"500"`
	Owner          string `query:"owner" maxLength:"500"`
	Name           string `query:"name" maxLength:"500"`
	Inactive       string `query:"inactive" enum:"true,false"`
	Property       string `query:"property" maxLength:"500"`
	DataType       string `query:"data_type" maxLength:"500"`
}

func (in *FilterInput) filters() []book.ThingFilter {
	var f book.ThingFilter
	if in.Registry != "" {
		f.Registry = &book.RegistryFilter{ID: in.Registry}
	}
	if in.Category != "" || in.CategorySource != "" {
		f.Category = &book.CategoryFilter{ID: in.Category, SourceID: in.CategorySource}
	}
	if e := (book.EntryFilter{IDInSource: in.IDInSource, SourceID: in.Source, CIRID: in.CIRID, SourceOwnerID: in.Owner, Name: in.Name}); e != (book.EntryFilter{}) || in.Inactive != "" {
		if in.Inactive != "" {
			e.Inactive = new(in.Inactive == "true")
		}
		f.Entry = &e
	}
	if in.Property != "" || in.DataType != "" {
		f.Property = &book.PropertyFilter{ID: in.Property, DataType: in.DataType}
	}
	return []book.ThingFilter{f}
}

func (s *Service) registerChanges(api huma.API) {
	huma.Register(api, op(api, "cir-changes", http.MethodGet, "/changes", "Who did what", "The newest first.", mayRead),
		func(ctx context.Context, in *struct {
			Before int64 `query:"before" doc:"Only those before this one" minimum:"0"`
			Limit  int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		},
		) (*struct {
			Body struct {
				Changes []book.PastChange `json:"changes"`
			}
		}, error,
		) {
			all, err := s.opts.Store.Changes(ctx, in.Before, in.Limit)
			if err != nil {
				return nil, refuse(err)
			}
			out := new(struct {
				Body struct {
					Changes []book.PastChange `json:"changes"`
				}
			})
			out.Body.Changes = all
			return out, nil
		})
	huma.Register(api, op(api, "cir-change", http.MethodGet, "/changes/{id}", "What a change did", "As long as it is kept.", mayRead),
		func(ctx context.Context, in *struct {
			ID    int64 `path:"id" minimum:"1"`
			After int64 `query:"after" doc:"The seq of the last one seen" default:"-1" minimum:"-1"`
			Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		},
		) (*struct {
			Body struct {
				Things []book.ThingChanged `json:"things"`
			}
		}, error,
		) {
			all, err := s.opts.Store.Things(ctx, in.ID, in.After, in.Limit)
			if err != nil {
				return nil, refuse(err)
			}
			out := new(struct {
				Body struct {
					Things []book.ThingChanged `json:"things"`
				}
			})
			out.Body.Things = all
			return out, nil
		})
	huma.Register(api, op(api, "cir-undo", http.MethodPost, "/changes/{id}/undo", "Undo a change",
		"What it set gets the value it had before. Refused when something of that was changed since. It is a change itself, and can be undone.", mayOperate, 404, 409),
		func(ctx context.Context, in *struct {
			ID int64 `path:"id" minimum:"1"`
		},
		) (*madeOut, error) {
			return made(s.opts.Store.Undo(ctx, s.opts.Actor(ctx), in.ID))
		})
}

func (s *Service) registerFiles(api huma.API) {
	text := map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}}
	in := op(api, "cir-import", http.MethodPost, "/import", "Import entries from CSV",
		"The first line names the columns: registry, category, category_source, id_in_source, source, and if need be cirid, owner, name, inactive, description and property:NAME. What is not there is made, what is there is brought up to date; empty cells leave it as it is. All of it, or nothing when a row is wrong.",
		mayOperate, 403, 409)
	in.MaxBodyBytes, in.SkipValidateBody = item.MostFile, true
	in.RequestBody = &huma.RequestBody{Required: true, Content: text}
	huma.Register(api, in, func(ctx context.Context, in *struct {
		DryRun  bool `query:"dry_run" doc:"Only say what would be done"`
		RawBody []byte
	},
	) (*struct{ Body *item.Imported }, error) {
		out, err := s.opts.Store.Import(ctx, s.opts.Actor(ctx), in.RawBody, in.DryRun, s.opts.Closed)
		return &struct{ Body *item.Imported }{out}, refuse(err)
	})
	export := op(api, "cir-export", http.MethodGet, "/export", "Export entries as CSV", "All entries that the filter picks, in columns that an import takes. "+patterns, mayRead)
	export.Responses["200"] = &huma.Response{Description: "A table", Content: text}
	huma.Register(api, export, func(ctx context.Context, in *FilterInput) (*huma.StreamResponse, error) {
		write, err := s.opts.Store.Export(ctx, in.filters())
		if err != nil {
			return nil, refuse(err)
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("Content-Type", "text/csv; charset=utf-8")
			c.SetHeader("Content-Disposition", `attachment; filename="cir.csv"`)
			if err := write(c.Context(), c.BodyWriter()); err != nil {
				s.log.Warn("export broken off", "error", err)
				// The status is out: only a broken connection tells the client.
				panic(http.ErrAbortHandler)
			}
		}}, nil
	})
}
