package titan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/wattwerk/wattwerk/internal/problem"
	"github.com/wattwerk/wattwerk/model"
)

// Registry changes the model. It is the registry.
type Registry interface {
	// Change builds a patch on the newest model and has it stored as a revision,
	// with a note. It may build several times. An error of build is returned as it
	// is; others may have a GetStatus, which is one of HTTP.
	Change(ctx context.Context, build func(*model.Model) (model.Patch, string, error)) error
}

// HierarchyOptions are what sensor management needs. All must be set.
type HierarchyOptions struct {
	Plant
	Registry Registry
	// Operators lets those through who may change the model.
	Operators func(http.Handler) http.Handler
}

// Hierarchy answers [HierarchyPath] and what is below.
func Hierarchy(o HierarchyOptions) http.Handler {
	h := &hierarchy{o: o}
	h.change = o.Operators(http.HandlerFunc(h.serveChange))
	return h
}

type hierarchy struct {
	o      HierarchyOptions
	change http.Handler
}

// mostBody is how large a hierarchy can be, in bytes of JSON.
const mostBody = 32 << 20

// node is a group or, without children, a sensor.
type node struct {
	Identifier string  `json:"identifier"`
	Name       string  `json:"name"`
	Children   *[]node `json:"children,omitempty"`
}

// ServeHTTP finds out what is asked for.
func (h *hierarchy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := below(r, HierarchyPath)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		body, err := h.read(id)
		answer(w, r, body, err)
		return
	case http.MethodPost:
		if id == "" {
			h.change.ServeHTTP(w, r)
			return
		}
	case http.MethodPut, http.MethodDelete:
		if id != "" {
			h.change.ServeHTTP(w, r)
			return
		}
	}
	allow := "GET, HEAD, POST"
	if id != "" {
		allow = "GET, HEAD, PUT, DELETE"
	}
	w.Header().Set("Allow", allow)
	problem.Write(w, http.StatusMethodNotAllowed, r.Method+" is not possible here; "+allow+" is")
}

func (h *hierarchy) read(id string) ([]byte, error) {
	m := h.o.Model()
	if id != "" {
		if top, ok := h.o.top(m, id); ok {
			return write(groupNode(m, top.Root))
		}
		if first, ok := h.o.first(m); ok && (id == root || id == string(first)) {
			return write(firstNode(m, first))
		}
		return nil, unknown(id)
	}
	all := []node{}
	if first, ok := h.o.first(m); ok {
		n := firstNode(m, first)
		n.Children = nil
		all = append(all, n)
	}
	for _, x := range rooted(m) {
		n := groupNode(m, x.Root)
		n.Children = nil
		all = append(all, n)
	}
	return write(all)
}

// write gives JSON as Gson writes it, but for characters that HTML would mind.
func write(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

func unknown(id string) error {
	return refuse(http.StatusNotFound, "there is no hierarchy %q of sensors that measure power", id)
}

// groupNode is a group with everything below it. The meter of a group is not
// part of its sum, and Titan has no such thing: it is left out.
func groupNode(m *model.Model, id model.GroupID) node {
	children := []node{}
	name := ""
	if g, ok := m.Group(id); ok {
		name = g.Name
		for _, x := range g.Members {
			switch {
			case x.Meter:
			case x.Group != "":
				children = append(children, groupNode(m, x.Group))
			default:
				sn, _ := m.Sensor(x.Sensor)
				children = append(children, named(string(x.Sensor), sn.Name, nil))
			}
		}
	}
	return named(string(id), name, &children)
}

// firstNode is the hierarchy that can be made, called as Titan calls its own.
func firstNode(m *model.Model, id model.GroupID) node {
	n := groupNode(m, id)
	if _, ok := m.Group(id); !ok {
		n.Name = "My Company"
	}
	return n
}

// named is a node; Titan's have a name always.
func named(id, name string, children *[]node) node {
	if name == "" {
		name = id
	}
	return node{id, name, children}
}

// collisions are identifiers that are somewhere else, or twice.
type collisions struct{ ids []string }

func (*collisions) Error() string { return "some identifiers stand somewhere already" }

func (h *hierarchy) serveChange(w http.ResponseWriter, r *http.Request) {
	id := below(r, HierarchyPath)
	var build func(*model.Model) (model.Patch, string, error)
	status := http.StatusOK
	if r.Method == http.MethodDelete {
		build = func(m *model.Model) (model.Patch, string, error) { return h.remove(m, id) }
	} else {
		tree, err := tree(w, r)
		switch {
		case err != nil:
			fail(w, r, err)
			return
		case r.Method == http.MethodPost:
			status = http.StatusNoContent
			build = func(m *model.Model) (model.Patch, string, error) { return h.create(m, tree, "") }
		default:
			build = func(m *model.Model) (model.Patch, string, error) { return h.replace(m, id, tree) }
		}
	}
	err := h.o.Registry.Change(r.Context(), build)
	var twice *collisions
	switch {
	case errors.As(err, &twice):
		body, _ := json.Marshal(map[string][]string{"collisions": twice.ids}) // it can always be written
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write(body)
	case err != nil:
		fail(w, r, err)
	default:
		w.WriteHeader(status)
	}
}

// tree reads the body, whatever its type is said to be: Titan's page says it
// were a form.
func tree(w http.ResponseWriter, r *http.Request) (*node, error) {
	var n node
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
	err := d.Decode(&n)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the hierarchy")
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the hierarchy has more than %d bytes", int64(mostBody))
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body is not a hierarchy in JSON: %v", err)
	case n.Children == nil:
		return nil, refuse(http.StatusBadRequest, "the hierarchy %q has no children: at its top is a group, if an empty one", n.Identifier)
	}
	return &n, nil
}

// create makes a hierarchy, in the place of a group that stands in none if top
// names one. It is of the site of the one that "root" means; where that is none, of
// the only site.
func (h *hierarchy) create(m *model.Model, tree *node, top model.GroupID) (model.Patch, string, error) {
	at := model.Hierarchy{ID: model.HierarchyID(tree.Identifier), Name: tree.Name, Root: model.GroupID(tree.Identifier)}
	if _, ok := m.Hierarchy(at.ID); ok {
		return model.Patch{}, "", &collisions{[]string{tree.Identifier}}
	}
	if is, ok := h.o.top(m, root); ok {
		at.Site, at.Tick = is.Site, is.Tick
	} else if sites := slices.Collect(m.Sites()); len(sites) == 1 {
		at.Site = sites[0].ID
	}
	p, err := h.place(m, tree, &at, top)
	p.Hierarchies = []model.Hierarchy{at}
	return p, "hierarchy " + tree.Identifier + " made by the interface of Titan", err
}

func (h *hierarchy) replace(m *model.Model, id string, tree *node) (model.Patch, string, error) {
	top, ok := h.o.top(m, id)
	var is model.GroupID
	if ok {
		is = top.Root
	} else if first, can := h.o.first(m); can && (id == root || id == string(first)) {
		is = first
	}
	switch {
	case is == "":
		return model.Patch{}, "", unknown(id)
	case tree.Identifier == string(is):
	case tree.Identifier == id: // root, by whatever name
		tree = &node{string(is), tree.Name, tree.Children}
	default:
		return model.Patch{}, "", refuse(http.StatusBadRequest, "the hierarchy begins with %q and is to be put in the place of %q", tree.Identifier, id)
	}
	if !ok {
		return h.create(m, tree, is)
	}
	p, err := h.place(m, tree, top, top.Root)
	return p, "hierarchy " + string(top.Root) + " changed by the interface of Titan", err
}

func (h *hierarchy) remove(m *model.Model, id string) (model.Patch, string, error) {
	top, ok := h.o.top(m, id)
	if !ok {
		return model.Patch{}, "", unknown(id)
	}
	p := model.Patch{RemoveHierarchies: []model.HierarchyID{top.ID}}
	for g := range within(m, top.Root) {
		p.RemoveGroups = append(p.RemoveGroups, g)
	}
	slices.Sort(p.RemoveGroups)
	return p, "hierarchy " + string(top.Root) + " removed by the interface of Titan", nil
}

// within are the groups of a hierarchy.
func within(m *model.Model, id model.GroupID) map[model.GroupID]*model.Group {
	all := make(map[model.GroupID]*model.Group)
	var visit func(model.GroupID)
	visit = func(id model.GroupID) {
		g, ok := m.Group(id)
		if !ok || all[id] != nil {
			return
		}
		all[id] = g
		for _, x := range g.Members {
			if x.Group != "" {
				visit(x.Group)
			}
		}
	}
	if id != "" {
		visit(id)
	}
	return all
}
