package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Bank holds the registers of a device, for simulated ones. Registers that were not set
// are not there. It may be used by several goroutines.
type Bank struct {
	mu             sync.Mutex
	holding, input map[uint16]uint16
}

// SetHolding sets holding registers from the address on.
func (b *Bank) SetHolding(address uint16, values ...uint16) { b.set(&b.holding, address, values) }

// SetInput sets input registers from the address on.
func (b *Bank) SetInput(address uint16, values ...uint16) { b.set(&b.input, address, values) }

func (b *Bank) set(in *map[uint16]uint16, address uint16, values []uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *in == nil {
		*in = make(map[uint16]uint16)
	}
	for i, v := range values {
		(*in)[address+uint16(i)] = v
	}
}

// answer gives the answer to a request.
func (b *Bank) answer(request []byte) []byte {
	refuse := func(e Exception) []byte { return []byte{request[0] | exceptionFlag, byte(e)} }
	if len(request) < 5 {
		return refuse(IllegalValue)
	}
	address, n := binary.BigEndian.Uint16(request[1:]), binary.BigEndian.Uint16(request[3:])
	b.mu.Lock()
	defer b.mu.Unlock()
	switch function := request[0]; function {
	case readHolding, readInput:
		from := b.holding
		if function == readInput {
			from = b.input
		}
		if n < 1 || n > MaxRead || len(request) != 5 {
			return refuse(IllegalValue)
		}
		out := []byte{function, byte(2 * n)}
		for i := range n {
			v, ok := from[address+i]
			if !ok || int(address)+int(i) > 0xffff {
				return refuse(IllegalAddress)
			}
			out = binary.BigEndian.AppendUint16(out, v)
		}
		return out
	case writeOne:
		if _, ok := b.holding[address]; !ok {
			return refuse(IllegalAddress)
		}
		b.holding[address] = n
		return request
	case writeSeveral:
		if n < 1 || n > maxWrite || len(request) != 6+2*int(n) || int(request[5]) != 2*int(n) {
			return refuse(IllegalValue)
		}
		for i := range n {
			if _, ok := b.holding[address+i]; !ok || int(address)+int(i) > 0xffff {
				return refuse(IllegalAddress)
			}
		}
		for i := range n {
			b.holding[address+i] = binary.BigEndian.Uint16(request[6+2*i:])
		}
		return request[:5]
	}
	return refuse(IllegalFunction)
}

// Serve answers what comes over the connection for the units that there are, until it
// ends. Who asks for another unit gets no answer, as on a line.
func Serve(conn io.ReadWriter, framing Framing, units map[uint8]*Bank) error {
	for {
		id, unit, request, err := framing.read(conn, 0, true)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		if bank := units[unit]; bank != nil {
			if err := framing.write(conn, id, unit, bank.answer(request)); err != nil {
				return fmt.Errorf("answer: %w", err)
			}
		}
	}
}

// Listen serves everybody who connects, until the context ends.
func Listen(ctx context.Context, l net.Listener, framing Framing, units map[uint8]*Bank) error {
	var all sync.WaitGroup
	defer all.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept says so
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		all.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // Serve ends by it
			defer stop()
			defer conn.Close()              //nolint:errcheck // nothing is lost with it
			_ = Serve(conn, framing, units) // who sends no Modbus is not served on
		})
	}
}
