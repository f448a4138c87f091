package bus

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startWithin is how long the embedded server may take to read its files.
const startWithin = 60 * time.Second

func (b *Bus) embed() error {
	dir := filepath.Join(b.opts.Dir, "nats")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	b.door = newDoor(b.opts.Login)
	so := &server.Options{
		ServerName: "wattwerk",
		DontListen: true,
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: !b.opts.NoSync,
		MaxPayload: MaxPayload + 4096,
		MaxPending: 256 << 20,
		NoSigs:     true,
		NoLog:      false,
		// The budget is the disk itself; measureRoom stops intake in time.
		JetStreamMaxStore:  1 << 50,
		JetStreamMaxMemory: 1 << 30,

		CustomClientAuthentication: b.door,
		AlwaysEnableNonce:          true, // see door.Check
	}
	if b.opts.Listen != "" {
		host, port, err := splitHostPort(b.opts.Listen)
		if err != nil {
			return err
		}
		if b.opts.Login == (Login{}) {
			if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
				return fmt.Errorf("listen for other processes on %s: without user and password everybody who reaches it could read and delete everything", b.opts.Listen)
			}
			b.door.open = true
		}
		so.DontListen, so.Host, so.Port = false, host, port
	}
	if b.opts.MQTT != "" {
		host, port, err := splitHostPort(b.opts.MQTT)
		if err != nil {
			return err
		}
		so.MQTT.Host, so.MQTT.Port = host, port
	}
	if err := b.leafOptions(so); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	srv, err := server.NewServer(so)
	if err != nil {
		return fmt.Errorf("embed NATS: %w", err)
	}
	srv.SetLoggerV2(&natsLog{log: b.opts.Log}, false, false, false)
	b.server = srv
	if b.door.sensors, err = srv.RegisterAccount(mqttAccount); err != nil {
		return fmt.Errorf("embed NATS: %w", err)
	}
	b.door.services = srv.GlobalAccount()
	if err := b.prepareLink(); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(startWithin) {
		return fmt.Errorf("the embedded NATS did not become ready within %v", startWithin)
	}
	return errors.Join(b.door.services.EnableJetStream(nil, nil), b.door.sensors.EnableJetStream(mqttLimits, nil))
}

// ListenAddr is where other processes reach the embedded server; empty when
// it does not listen.
func (b *Bus) ListenAddr() string {
	if b.server == nil || b.opts.Listen == "" {
		return ""
	}
	return b.server.Addr().String()
}

// MQTT is a connection to the account that MQTT clients are in, with full
// rights there: what they publish is seen there and nowhere else. It is nil
// when there is no MQTT listener.
func (b *Bus) MQTT() *nats.Conn { return b.mqtt }

// AdmitMQTT lets MQTT clients in. Whoever takes what they publish calls it
// when nothing of it can be missed any more; until then they wait.
func (b *Bus) AdmitMQTT() {
	if b.door != nil {
		b.door.admit()
	}
}

// mqttAccount keeps MQTT clients apart: their topics cannot be mistaken for
// our subjects, nor their streams for ours.
const mqttAccount = "MQTT"

// mqttLimits is what MQTT clients may take of the disk, in messages on their
// way, sessions and what they ask to be kept: less than MinFree is by default,
// because this grows on a disk that is nearly full too.
var mqttLimits = map[string]server.JetStreamAccountLimits{"": {
	MaxMemory: 64 << 20, MaxStore: 192 << 20, MaxStreams: -1, MaxConsumers: -1, MaxAckPending: -1,
	MemoryMaxStreamBytes: -1, StoreMaxStreamBytes: -1,
}}

// What anonymous MQTT clients may not do in their account: use the server's
// own interfaces, which hold the messages and sessions of all of them. Topics
// that begin with $ belong to the server (MQTT 3.1.1, section 4.7.2).
var (
	denyPublish = []string{
		"$JS.>", "$JSC.>", "$KV.>", "$O.>", "$SYS.>", "$SRV.>", "$NRG.>", "$G.>", "$GR.>", "$GNR.>", "_INBOX.>", "_R_.>", "$MQTT.>",
	}
	denySubscribe = []string{
		"$JS.>", "$JSC.>", "$KV.>", "$O.>", "$SYS.>", "$SRV.>", "$NRG.>", "$G.>", "$GR.>", "$GNR.>", "_INBOX.>", "_R_.>",
		// Not $MQTT.>: the server subscribes in the client's name to $MQTT.sub.> and
		// $MQTT.deliver.>, and hands it what others published as $MQTT.msgs.>.
		"$MQTT.rmsgs.>", "$MQTT.sess.>", "$MQTT.qos2.>", "$MQTT.out.>", "$MQTT.JSA.>",
	}
)

// admitWithin is how long an MQTT client waits to be admitted; then it has to
// come again.
const admitWithin = 10 * time.Second

// door decides who may come into the embedded server, and with which rights.
type door struct {
	own, mqtt, link   Login // of this process: made for it, kept in memory
	others            Login // of other processes
	open              bool  // other processes need none
	services, sensors *server.Account
	linked            *server.Account // where edges and centre meet; nil: nowhere

	server   *server.Server // at a centre
	sites    []string       // whom it admits; empty: all with a certificate
	edges    sync.Mutex
	accounts map[string]*server.Account // per site; guarded by edges

	admitWithin          time.Duration
	admitOnce, closeOnce sync.Once
	admitted, closed     chan struct{}
}

func newDoor(others Login) *door {
	return &door{
		own: Login{"services", rand.Text()}, mqtt: Login{"mqtt", rand.Text()}, link: Login{"link", rand.Text()}, others: others,
		admitWithin: admitWithin, admitted: make(chan struct{}), closed: make(chan struct{}),
	}
}

func (d *door) admit() { d.admitOnce.Do(func() { close(d.admitted) }) }
func (d *door) close() { d.closeOnce.Do(func() { close(d.closed) }) }

// Check implements server.Authentication. It runs on the goroutine of the
// connection, so it may wait.
func (d *door) Check(c server.ClientAuthentication) bool {
	if c.Kind() == server.LEAF {
		return d.admitEdge(c)
	}
	// Of all clients only those that speak MQTT get no nonce.
	if c.GetNonce() == nil {
		wait := time.NewTimer(d.admitWithin)
		defer wait.Stop()
		select {
		case <-d.admitted:
		case <-d.closed:
			return false
		case <-wait.C:
			return false
		}
		// Sensors often insist on saying a user and a password; nothing hangs on it.
		c.RegisterUser(&server.User{Username: "sensors", Account: d.sensors, Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: denyPublish},
			Subscribe: &server.SubjectPermission{Deny: denySubscribe},
		}})
		return true
	}
	said := c.GetOpts()
	switch {
	case d.own.is(said), d.others.is(said):
		c.RegisterUser(&server.User{Account: d.services})
	case d.mqtt.is(said):
		c.RegisterUser(&server.User{Account: d.sensors})
	case d.linked != nil && d.link.is(said):
		c.RegisterUser(&server.User{Account: d.linked})
	case d.open && said.Username == "" && said.Password == "" && said.Token == "":
		c.RegisterUser(&server.User{Account: d.services})
	default:
		return false
	}
	return true
}

func (l Login) is(said *server.ClientOpts) bool {
	return l.Password != "" && said.Username == l.User && subtle.ConstantTimeCompare([]byte(said.Password), []byte(l.Password)) == 1
}

// Validate says what is missing; the zero Login is valid.
func (l Login) Validate() error {
	if (l.User == "") != (l.Password == "") {
		return errors.New("a login is a user and a password")
	}
	return nil
}
