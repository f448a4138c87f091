package sunspec

import (
	"context"
	"errors"
	"fmt"

	"github.com/wattwerk/wattwerk/meter"
	"github.com/wattwerk/wattwerk/meter/modbus"
)

// MaxModels is how many models a device may have before it is taken to be none.
const MaxModels = 64

// bases are where the models may begin (SunSpec 1.1, 6.2).
var bases = []uint16{40000, 50000, 0}

// Reader reads a device by Modbus.
type Reader struct {
	client *modbus.Client
	unit   uint8
	blocks []block // nil: not found yet
}

var _ meter.Reader = (*Reader)(nil)

type block struct {
	model           uint16
	address, length uint16 // of what comes after model and length
}

// NewReader gives a reader of the device that is the unit, usually 1. Nothing is asked
// yet. The client is closed with the reader.
func NewReader(client *modbus.Client, unit uint8) *Reader {
	return &Reader{client: client, unit: unit}
}

// Close closes the client.
func (r *Reader) Close() error { return r.client.Close() }

// Read asks the device, the first time for its models too.
func (r *Reader) Read(ctx context.Context, take func(*meter.Telegram)) error {
	if r.blocks == nil {
		if err := r.find(ctx); err != nil {
			return fmt.Errorf("find SunSpec models: %w", err)
		}
	}
	t := meter.Telegram{}
	for _, b := range r.blocks {
		registers := make([]uint16, 0, b.length)
		for n := uint16(len(registers)); n < b.length; n = uint16(len(registers)) {
			more, err := r.client.ReadHolding(ctx, r.unit, b.address+n, min(b.length-n, modbus.MaxRead))
			if err != nil {
				return fmt.Errorf("read SunSpec model %d: %w", b.model, err)
			}
			registers = append(registers, more...)
		}
		Decode(b.model, registers, &t)
	}
	if len(t.Readings) == 0 {
		return errors.New("read SunSpec: the device says that nothing is implemented")
	}
	take(&t)
	return nil
}

// find follows the models from where they begin.
func (r *Reader) find(ctx context.Context) error {
	at, err := r.base(ctx)
	if err != nil {
		return err
	}
	var blocks []block
	read := false
	for range MaxModels {
		head, err := r.client.ReadHolding(ctx, r.unit, at, 2)
		if err != nil {
			return err
		}
		b := block{head[0], at + 2, head[1]}
		if b.model == lastOne {
			if !read {
				return errors.New("the device has none of the models 101 to 103 and 201 to 204")
			}
			r.blocks = blocks
			return nil
		}
		if int(b.address)+int(b.length) >= 0xffff {
			return fmt.Errorf("model %d at %d has %d registers, which is beyond the last", b.model, at, b.length)
		}
		if points(b.model) != nil || b.model == common {
			b.length = min(b.length, 128) // what is read of them is in the first 105
			blocks = append(blocks, b)
			read = read || b.model != common
		}
		at = head[1] + at + 2
	}
	return fmt.Errorf("there is no end after %d models", MaxModels)
}

// base finds the mark "SunS".
func (r *Reader) base(ctx context.Context) (uint16, error) {
	for _, at := range bases {
		mark, err := r.client.ReadHolding(ctx, r.unit, at, 2)
		if refused := modbus.Exception(0); errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if mark[0] == 'S'<<8|'u' && mark[1] == 'n'<<8|'S' {
			return at + 2, nil
		}
	}
	return 0, errors.New("there is no mark of SunSpec at registers 40000, 50000 and 0")
}
