// Package mqtttest speaks just enough of MQTT 3.1.1 for tests: what a small
// sensor does, and what somebody with bad intentions does, because nothing
// here checks topics. It is for tests only.
package mqtttest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// Deadline is how long an answer may take, on a slow machine.
const Deadline = 30 * time.Second

// The packets of MQTT 3.1.1, section 2.2.1, with their flags.
const (
	connect = 0x10
	connack = 0x20
	publish = 0x30
	puback  = 0x40
	subscr  = 0x82
	suback  = 0x90
)

// Client is a connection. One goroutine uses it.
type Client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	id   uint16
	got  []Message // that came while something else was awaited
}

// Message is one that was published.
type Message struct{ Topic, Body string }

// Login is what a client says of itself.
type Login struct{ Client, User, Password string }

var clients atomic.Uint64

// Dial connects without a name and a password and fails the test if that does
// not work.
func Dial(t testing.TB, addr string) *Client {
	t.Helper()
	c, err := Connect(t, addr, Login{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Connect connects. Whoever listens may only just have been started, so it is
// tried until the deadline.
func Connect(t testing.TB, addr string, l Login) (*Client, error) {
	deadline := time.Now().Add(Deadline)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			c := &Client{t: t, conn: conn, r: bufio.NewReader(conn)}
			return c, c.hello(l)
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		// The listener gives no other sign.
		<-time.After(10 * time.Millisecond)
	}
}

func (c *Client) hello(l Login) error {
	if l.Client == "" {
		l.Client = fmt.Sprintf("test-%d-%d", time.Now().UnixNano(), clients.Add(1))
	}
	flags := byte(2) // clean session
	body := text(nil, l.Client)
	if l.User != "" {
		flags |= 0xc0
		body = text(text(body, l.User), l.Password)
	}
	if err := c.send(connect, append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, flags, 0, 60}, body...)); err != nil {
		return err
	}
	kind, answer, err := c.receive()
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if kind != connack || len(answer) != 2 || answer[1] != 0 {
		return fmt.Errorf("connect: answered %x % x", kind, answer)
	}
	return nil
}

func text(to []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(s))), s...)
}

func (c *Client) send(kind byte, body []byte) error {
	packet := binary.AppendUvarint([]byte{kind}, uint64(len(body)))
	_, err := c.conn.Write(append(packet, body...))
	return err
}

func (c *Client) receive() (kind byte, body []byte, err error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(Deadline)); err != nil {
		return 0, nil, err
	}
	if kind, err = c.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(c.r)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.r, body)
	return kind, body, err
}

// Publish sends a message. With QoS 1 it returns nil when that was
// acknowledged, with QoS 0 when it was sent.
func (c *Client) Publish(qos byte, topic, body string) error {
	packet := text(nil, topic)
	if qos > 0 {
		c.id++
		packet = binary.BigEndian.AppendUint16(packet, c.id)
	}
	if err := c.send(publish|qos<<1, append(packet, body...)); err != nil || qos == 0 {
		return err
	}
	answer, err := c.await(puback)
	if err == nil && (len(answer) != 2 || binary.BigEndian.Uint16(answer) != c.id) {
		err = fmt.Errorf("acknowledged with % x", answer)
	}
	return err
}

// MustPublish is Publish, and fails the test on errors.
func (c *Client) MustPublish(qos byte, topic, body string) {
	c.t.Helper()
	if err := c.Publish(qos, topic, body); err != nil {
		c.t.Fatalf("publish %s: %v", topic, err)
	}
}

// ErrRefused is what Subscribe gives when the filter may not be subscribed to.
var ErrRefused = errors.New("the subscription was refused")

// Subscribe subscribes.
func (c *Client) Subscribe(qos byte, filter string) error {
	c.id++
	if err := c.send(subscr, append(text(binary.BigEndian.AppendUint16(nil, c.id), filter), qos)); err != nil {
		return err
	}
	answer, err := c.await(suback)
	if err == nil && (len(answer) != 3 || answer[2] == 0x80) {
		err = ErrRefused
	}
	return err
}

// Next gives the next message that is published.
func (c *Client) Next() (Message, error) {
	if len(c.got) == 0 {
		if _, err := c.await(publish); err != nil {
			return Message{}, err
		}
	}
	m := c.got[0]
	c.got = c.got[1:]
	return m, nil
}

// await reads until a packet of the kind comes, and keeps messages.
func (c *Client) await(kind byte) ([]byte, error) {
	for {
		got, body, err := c.receive()
		if err != nil {
			return nil, err
		}
		if got&0xf0 == publish {
			if err := c.keep(got, body); err != nil {
				return nil, err
			}
			got = publish
		}
		if got == kind {
			return body, nil
		}
	}
}

func (c *Client) keep(kind byte, body []byte) error {
	if len(body) < 2 || len(body) < 2+int(binary.BigEndian.Uint16(body)) {
		return fmt.Errorf("a message of % x", body)
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	topic := string(body[2:n])
	if kind>>1&3 > 0 {
		if err := c.send(puback, body[n:n+2]); err != nil {
			return err
		}
		n += 2
	}
	c.got = append(c.got, Message{topic, string(body[n:])})
	return nil
}
