package snmp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/wattwerk/wattwerk/meter"
)

// MaxRows is how many rows of a table are read.
const MaxRows = 2000

// Reader asks a device.
type Reader struct {
	tables Tables
	client gosnmp.GoSNMP
	open   bool
}

var _ meter.Reader = (*Reader)(nil)

// NewReader gives the reader of the device at an address, "snmp://HOST:161". Nothing is asked yet.
func NewReader(tables Tables, address string, l Login) (*Reader, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "snmp" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("address %.60q of a device is not like snmp://HOST:161", address)
	}
	port := uint64(161)
	if u.Port() != "" {
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
			return nil, fmt.Errorf("address %.60q of a device is not like snmp://HOST:161", address)
		}
	}
	r := &Reader{tables: tables, client: gosnmp.GoSNMP{
		Target: u.Hostname(), Port: uint16(port), Transport: "udp", Timeout: 2 * time.Second, Retries: 1, MaxOids: 1, MaxRepetitions: 20,
	}}
	if err := l.use(&r.client); err != nil {
		return nil, err
	}
	return r, nil
}

// Read asks for the columns, one after the other.
func (r *Reader) Read(ctx context.Context, take func(*meter.Telegram)) (err error) {
	r.client.Context = ctx
	if !r.open {
		if err := r.client.Connect(); err != nil {
			return fmt.Errorf("ask %s by SNMP: %w", net.JoinHostPort(r.client.Target, strconv.Itoa(int(r.client.Port))), err)
		}
		r.open = true
	}
	conn := r.client.Conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // whoever waits for it says so
	defer func() {
		switch ours := stop(); {
		case !ours:
			r.open = false
			err = errors.Join(ctx.Err(), err)
		case err != nil: // an answer that comes late is not one to the next question
			err = errors.Join(err, r.Close())
		}
	}()
	found := make(cells)
	for _, column := range r.tables.columns {
		rows := 0
		err := r.client.BulkWalk(column, func(v gosnmp.SnmpPDU) error {
			if rows++; rows > MaxRows {
				return fmt.Errorf("there are more than %d rows", MaxRows)
			}
			name, ok := strings.CutPrefix(v.Name, column+".")
			if n, number := integer(v.Value); ok && number && len(name) <= 128 {
				found.set(column, name, n)
			}
			return nil
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("read column %s by SNMP: %w", column, err)
		}
	}
	var t meter.Telegram
	r.tables.decode(found, &t)
	if len(t.Readings) == 0 {
		return errors.New("read by SNMP: the device has none of the sensors that are known")
	}
	take(&t)
	return nil
}

// Close lets go of the socket.
func (r *Reader) Close() error {
	if !r.open {
		return nil
	}
	r.open = false
	return r.client.Conn.Close()
}

// integer gives the number of a value that is one.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case uint:
		return int64(n), uint64(n) <= math.MaxInt64
	case int64:
		return n, true
	case uint32:
		return int64(n), true
	case uint64:
		return int64(n), n <= math.MaxInt64
	}
	return 0, false
}
