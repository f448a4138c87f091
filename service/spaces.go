package service

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/etag"
	"github.com/wattwerk/wattwerk/object"
	"github.com/wattwerk/wattwerk/service/book"
)

// spacesID is the one document with all spaces.
const spacesID = "all"

// SpaceItem is a space with what is in it.
type SpaceItem struct {
	object.Space
	Site    bool                 `json:"site" doc:"It follows from a site of the model; nobody wrote it down"`
	Objects int                  `json:"objects" doc:"How many objects are exactly there"`
	States  map[object.State]int `json:"states" doc:"How many of those, and of those in spaces within, are in each state"`
}

// SpaceList is all spaces.
type SpaceList struct {
	Spaces  []SpaceItem `json:"spaces"`
	Faults  []string    `json:"faults" doc:"What is wrong with what is kept, and left out therefore"`
	Version int64       `json:"version" doc:"Counts the changes; the ETag"`
}

type spacesOut struct {
	ETag string `header:"ETag"`
	Body SpaceList
}

func (s *Service) registerSpaces(api huma.API) {
	huma.Register(api, op("list-spaces", http.MethodGet, "/spaces", "Sites, buildings, levels, rooms and zones", "Sites of the model are spaces, too.", mayRead), s.listSpaces)
	put := op("put-spaces", http.MethodPut, "/spaces", "Say which spaces there are", "All at once. What is wrong is refused, with all that is wrong.", mayOperate, 400, 412, 422)
	put.MaxBodyBytes = 32 << 20
	huma.Register(api, put, s.putSpaces)
}

func (s *Service) listSpaces(context.Context, *struct{}) (*spacesOut, error) {
	m, p, err := s.now()
	if err != nil {
		return nil, err
	}
	out := &spacesOut{etag.Of(p.spacesAt.Version), SpaceList{Spaces: []SpaceItem{}, Faults: []string{}, Version: p.spacesAt.Version}}
	written := make(map[string]bool, len(p.spaces))
	for _, x := range p.spaces {
		written[x.ID] = true
	}
	for _, x := range m.World.Spaces() {
		item := SpaceItem{Space: x, Site: !written[x.ID], Objects: len(m.World.Located(x.ID)), States: make(map[object.State]int)}
		for _, o := range m.World.Within(x.ID) {
			state, _ := m.State(o.Index)
			item.States[state]++
		}
		out.Body.Spaces = append(out.Body.Spaces, item)
	}
	for _, f := range p.faults {
		if f.Space != "" {
			out.Body.Faults = append(out.Body.Faults, f.Text)
		}
	}
	return out, nil
}

func (s *Service) putSpaces(ctx context.Context, in *struct {
	Precondition
	Body struct {
		Spaces []object.Space `json:"spaces" maxItems:"100000"`
	}
},
) (*struct {
	ETag string `header:"ETag"`
	Body struct {
		Version int64 `json:"version"`
	}
}, error,
) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	_, faults := object.NewWorld(s.opts.Catalog.State().Model, in.Body.Spaces, nil)
	if err := refuseFaults(faults); err != nil {
		return nil, err
	}
	rows, err := s.opts.Store.Put(ctx, s.opts.Actor(ctx), book.Put{Kind: book.Spaces, ID: spacesID, Doc: in.Body.Spaces, Version: version})
	if err != nil {
		return nil, refuse(err)
	}
	s.changed()
	out := new(struct {
		ETag string `header:"ETag"`
		Body struct {
			Version int64 `json:"version"`
		}
	})
	out.ETag, out.Body.Version = etag.Of(rows[0].Version), rows[0].Version
	return out, nil
}
