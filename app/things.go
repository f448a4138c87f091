package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/wattwerk/wattwerk/bus"
	"github.com/wattwerk/wattwerk/cir"
	"github.com/wattwerk/wattwerk/cir/item"
)

// A process that keeps identifiers and no manifests asks on the bus for the data
// sources and gateways that there are. The one that runs manifests tells, in
// parts, on a subject of who asks.
const (
	askThings   = "pipeline.things.ask"
	tellThings  = "pipeline.things.tell."
	thingsWait  = 10 * time.Second // for all parts
	thingsParts = 1000             // at most
	thingsOfOne = 2000             // things of a part
)

// partOfThings is one of the parts.
type partOfThings struct {
	Part, Parts int
	Things      []item.Thing
}

// tellOfThings answers until ctx ends, while runs says so.
func tellOfThings(ctx context.Context, b *bus.Bus, runs func() bool, list func(context.Context) ([]item.Thing, error), log *slog.Logger) error {
	asked := make(chan string, 16)
	stop, err := b.Look(askThings, func(data []byte) {
		if token, err := hex.DecodeString(string(data)); err == nil && len(token) == 16 { // it becomes a part of a subject
			select {
			case asked <- string(data):
			default: // it asks again
			}
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case token := <-asked:
			if !runs() {
				continue
			}
			all, err := list(ctx)
			if err != nil {
				log.Warn("data sources and gateways cannot be told of", "error", err)
				continue
			}
			parts := max(1, (len(all)+thingsOfOne-1)/thingsOfOne)
			for i := range parts {
				data, err := json.Marshal(partOfThings{i, parts, all[i*thingsOfOne : min((i+1)*thingsOfOne, len(all))]})
				if err != nil || len(data) > bus.MaxPayload {
					log.Warn("data sources and gateways cannot be told of", "error", err, "bytes", len(data))
					break
				}
				b.Show(tellThings+token, data)
			}
		}
	}
}

// thingsElsewhere asks the process that runs manifests. The error is
// [cir.ErrAbsent] when there is none.
func (p *process) thingsElsewhere(ctx context.Context) ([]item.Thing, error) {
	if len((instances{p.fleet, "pipeline"}).URLs()) == 0 {
		return nil, cir.ErrAbsent
	}
	return askForThings(ctx, p.bus, thingsWait)
}

func askForThings(ctx context.Context, b *bus.Bus, within time.Duration) ([]item.Thing, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	token := hex.EncodeToString(id)
	told := make(chan []byte, thingsParts)
	stop, err := b.Look(tellThings+token, func(data []byte) {
		select {
		case told <- data:
		default: // then it is not whole, and asked for again
		}
	})
	if err != nil {
		return nil, err
	}
	defer stop()
	b.Show(askThings, []byte(token))
	parts := make(map[int][]item.Thing)
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ask who runs manifests for data sources and gateways: %d parts came: %w", len(parts), ctx.Err())
		case data := <-told:
			var x partOfThings
			if err := json.Unmarshal(data, &x); err != nil {
				return nil, fmt.Errorf("read what was told of data sources and gateways: %w", err)
			}
			if x.Part < 0 || x.Part >= x.Parts || x.Parts > thingsParts {
				return nil, errors.New("read what was told of data sources and gateways: there is no such part")
			}
			parts[x.Part] = x.Things
			if len(parts) < x.Parts {
				continue
			}
			var all []item.Thing
			for i := range x.Parts {
				all = append(all, parts[i]...)
			}
			return all, nil
		}
	}
}
