package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Conn is what a client speaks over: a net.Conn, or a serial port that can be given a
// deadline.
type Conn interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// Options of a [Client].
type Options struct {
	Dial    func(ctx context.Context) (Conn, error) // opens a connection; called before the first request and after every fault
	Framing Framing                                 // TCP or RTU
	Timeout time.Duration                           // for an answer; 0: two seconds
}

// Client asks devices at one connection.
type Client struct {
	o    Options
	mu   sync.Mutex
	conn Conn
	id   uint16
}

// NewClient gives a client that is not connected yet.
func NewClient(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	return &Client{o: o}
}

// Close closes the connection; the next request opens one again.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hangUp()
}

func (c *Client) hangUp() error {
	if c.conn == nil {
		return nil
	}
	conn := c.conn
	c.conn = nil
	return conn.Close()
}

// ReadHolding reads count holding registers of the unit, from the address on, which is
// counted from 0: register 40001 of older manuals is 0. At most [MaxRead].
func (c *Client) ReadHolding(ctx context.Context, unit uint8, address, count uint16) ([]uint16, error) {
	return c.readRegisters(ctx, readHolding, unit, address, count)
}

// ReadInput reads input registers.
func (c *Client) ReadInput(ctx context.Context, unit uint8, address, count uint16) ([]uint16, error) {
	return c.readRegisters(ctx, readInput, unit, address, count)
}

func (c *Client) readRegisters(ctx context.Context, function byte, unit uint8, address, count uint16) ([]uint16, error) {
	if count < 1 || count > MaxRead {
		return nil, fmt.Errorf("read %d registers: from 1 to %d can be read at once", count, MaxRead)
	}
	request := binary.BigEndian.AppendUint16([]byte{function}, address)
	answer, err := c.ask(ctx, unit, binary.BigEndian.AppendUint16(request, count), func(pdu []byte) bool {
		return len(pdu) == 2+2*int(count) && int(pdu[1]) == 2*int(count)
	})
	if err != nil {
		return nil, fmt.Errorf("read %d registers from %d of unit %d: %w", count, address, unit, err)
	}
	registers := make([]uint16, count)
	for i := range registers {
		registers[i] = binary.BigEndian.Uint16(answer[2+2*i:])
	}
	return registers, nil
}

// WriteOne writes a holding register.
func (c *Client) WriteOne(ctx context.Context, unit uint8, address, value uint16) error {
	request := binary.BigEndian.AppendUint16([]byte{writeOne}, address)
	request = binary.BigEndian.AppendUint16(request, value)
	if _, err := c.ask(ctx, unit, request, func(pdu []byte) bool { return string(pdu) == string(request) }); err != nil {
		return fmt.Errorf("write register %d of unit %d: %w", address, unit, err)
	}
	return nil
}

// Write writes holding registers from the address on.
func (c *Client) Write(ctx context.Context, unit uint8, address uint16, values []uint16) error {
	if len(values) < 1 || len(values) > maxWrite {
		return fmt.Errorf("write %d registers: from 1 to %d can be written at once", len(values), maxWrite)
	}
	request := binary.BigEndian.AppendUint16([]byte{writeSeveral}, address)
	request = binary.BigEndian.AppendUint16(request, uint16(len(values)))
	head := string(request)
	request = append(request, byte(2*len(values)))
	for _, v := range values {
		request = binary.BigEndian.AppendUint16(request, v)
	}
	if _, err := c.ask(ctx, unit, request, func(pdu []byte) bool { return string(pdu) == head }); err != nil {
		return fmt.Errorf("write %d registers from %d of unit %d: %w", len(values), address, unit, err)
	}
	return nil
}

// ask sends a request and gets its answer, for which fits says whether it can be it.
func (c *Client) ask(ctx context.Context, unit uint8, request []byte, fits func(pdu []byte) bool) (answer []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.conn == nil {
		if c.conn, err = c.o.Dial(ctx); err != nil {
			c.conn = nil
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	conn := c.conn
	defer func() {
		if refused := Exception(0); err != nil && !errors.As(err, &refused) {
			// What of an answer is still to come must not be taken for the next one.
			err = errors.Join(err, c.hangUp())
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(c.o.Timeout)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // where it cannot be set the time-out is still there
	})
	defer stop()
	c.id++
	if err := c.o.Framing.write(conn, c.id, unit, request); err != nil {
		return nil, because(ctx, err)
	}
	id, from, pdu, err := c.o.Framing.read(conn, c.id, false)
	switch {
	case err != nil:
		return nil, because(ctx, err)
	case id != c.id || from != unit || len(pdu) < 2:
		return nil, errFrame
	case pdu[0] == request[0]|exceptionFlag:
		return nil, Exception(pdu[1])
	case pdu[0] != request[0] || !fits(pdu):
		return nil, errFrame
	}
	return pdu, nil
}

// because gives the reason why a connection was given a deadline in the past, if it was.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
