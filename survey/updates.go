package survey

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/wattwerk/wattwerk/internal/run"
	"github.com/wattwerk/wattwerk/survey/household"
)

// Updates are the programs that devices take: update.Repository. What is not there is
// fs.ErrNotExist.
type Updates interface {
	// Metadata gives a file of metadata.
	Metadata(name string) ([]byte, error)
	// Program gives a part of a program, from an offset in bytes on.
	Program(name string, offset int64) ([]byte, error)
	// Renew signs anew what is about to expire, and tells when it is to be called again.
	Renew() (time.Duration, error)
}

// Bounds of updates.
const (
	mostUpdates = 32 // files that are read at a time
	renewAgain  = 5 * time.Minute
)

// file is one as it is.
type file struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// registerUpdates adds the routes of updates.
func (s *Service) registerUpdates(api huma.API) {
	huma.Register(api, op("update-metadata", http.MethodGet, "/update/{name}", "Metadata of updates of the program", "As The Update Framework (TUF) has them: timestamp.json, N.snapshot.json, N.targets.json, N.root.json. For devices with a certificate.", Household),
		func(ctx context.Context, in *struct {
			Name string `path:"name" maxLength:"60" doc:"Of the file"`
		},
		) (*file, error) {
			return s.update(ctx, "application/json", func() ([]byte, error) { return s.o.Updates.Metadata(in.Name) })
		})
	huma.Register(api, op("update-program", http.MethodGet, "/update/targets/{name}", "Part of a program", "1 MiB from the offset on, and less at its end. For devices with a certificate.", Household),
		func(ctx context.Context, in *struct {
			Name   string `path:"name" maxLength:"200" doc:"SHA-256 of the program, a dot, and the name of the release"`
			Offset int64  `query:"offset" minimum:"0" doc:"Bytes before the part"`
		},
		) (*file, error) {
			return s.update(ctx, "application/octet-stream", func() ([]byte, error) { return s.o.Updates.Program(in.Name, in.Offset) })
		})
}

func (s *Service) update(ctx context.Context, kind string, read func() ([]byte, error)) (*file, error) {
	if from(ctx).Kind != household.Edge {
		return nil, household.Refuse(http.StatusForbidden, "not_a_device", household.None, "only a device that shows a certificate gets updates")
	}
	if s.o.Updates == nil {
		return nil, household.Refuse(http.StatusNotFound, "not_found", household.None, "there are no updates here")
	}
	select {
	case s.updates <- struct{}{}:
		defer func() { <-s.updates }()
	default:
		return nil, household.Refuse(http.StatusServiceUnavailable, "busy", household.Retry, "too many devices ask for updates at the moment; try again later")
	}
	data, err := read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, household.Refuse(http.StatusNotFound, "not_found", household.None, "there is no such file among the updates")
	case err != nil:
		return nil, s.refuse(ctx, err)
	}
	return &file{kind, data}, nil
}

// renewUpdates keeps what is signed of updates from expiring, until ctx ends.
func (s *Service) renewUpdates(ctx context.Context) error {
	if s.o.Updates == nil {
		return nil
	}
	for {
		wait, err := s.o.Updates.Renew()
		if errors.Is(err, fs.ErrNotExist) { // there are none yet
			wait = renewAgain
		} else if err != nil {
			wait = renewAgain
			s.log.Error("the timestamp of updates was not renewed, and devices refuse them when it expires", "error", err)
		}
		if !run.Pause(ctx, wait) {
			return nil
		}
	}
}
