package mqtt

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

const (
	session  = 7 * 24 * 3600    // seconds a broker is asked to keep what comes while we are away
	stepBack = 20 * time.Second // when somebody else took over the session
)

// Protocol is MQTT.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "mqtt",
		Summary: "Topics of an MQTT 5 broker.",
		Details: "Of a topic with `+` or `#` the levels that stand for them are the key, or the level that keyLevel names. A source has a session of its own, which the broker " +
			"keeps for a week; with other parameters it has another. Retained messages are of a time nobody knows and not taken, unless retained says so. " +
			"In the topic of a sink `{key}` stands for the key of a result.",
		Example: `interfaces:
  - name: Over MQTT
    protocol: mqtt
kinds:
  - name: Power in plain text
    quantityKind: TotalRealPower
    format: text
    unit: W
sourceDefinitions:
  - {name: Power over MQTT, interface: Over MQTT, kinds: [Power in plain text]}
sources:
  - name: Power of all boxes
    definition: Power over MQTT
    parameters: {host: broker.example.org, protocol: mqtts, user: wattwerk, password: broker-password, topic: PhoenixIB/+/TotalRealPower}
`,
		Parameters: append([]manifest.Parameter{
			{Name: "host", Description: "Name or address of the broker.", Required: true},
			{Name: "port", Type: manifest.Int, Description: "Absent: 1883, with mqtts 8883.", Min: number(1), Max: number(65535)},
			{Name: "protocol", Description: "mqtts is MQTT over TLS.", Default: connect.Default("mqtt"), OneOf: []string{"mqtt", "mqtts"}},
			{Name: "topic", Description: "Of a source: with + for one level and # for all that follow. Of a sink: may have {key}.", Required: true},
			{Name: "keyLevel", Type: manifest.Int, Description: "Of a source: the level of the topic that is the key, the first is 1. Absent: those that stand for wildcards.", Min: number(0), Max: number(100), Default: connect.Default(0)},
			{Name: "retained", Type: manifest.Bool, Description: "Of a source: take what the broker retained when the source is new; of a sink: have the broker retain the last.", Default: connect.Default(false)},
			{Name: "client", Description: "Name of the client at the broker. Absent: wattwerk- and a name made of the source and its topic."},
			{Name: "user", Description: "Name to log in with."},
			{Name: "password", Type: manifest.Secret, Description: "File of the password."},
			{Name: "ca", Type: manifest.Secret, Description: "File of the certificates that the broker's must be signed by. Absent: those of the system."},
			{Name: "cert", Type: manifest.Secret, Description: "File of our certificate, if the broker wants one."},
			{Name: "certKey", Type: manifest.Secret, Description: "File of its key."},
		}, format.Parameters()...),
		Reader: newReader,
		Writer: newWriter,
	}
}

func number(f float64) *float64 { return &f }

// broker is one as it is connected to.
type broker struct {
	end      connect.End
	at       *url.URL
	topic    string
	client   string
	user     string
	password []byte
	tls      *tls.Config // nil: without
}

func open(e *connect.End) (*broker, error) {
	b := &broker{end: *e, topic: e.Text("topic"), user: e.Text("user")}
	secure := e.Text("protocol") == "mqtts"
	port := e.Int("port")
	if port == 0 {
		if port = 1883; secure {
			port = 8883
		}
	}
	host := e.Text("host")
	if host == "" || strings.ContainsAny(host, "/@? ") {
		return nil, fmt.Errorf("%.60q is no host", host)
	}
	b.at = &url.URL{Scheme: "mqtt", Host: net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))}
	var err error
	if b.password, err = e.Secret("password"); err != nil {
		return nil, err
	}
	if secure {
		if b.tls, err = e.TLS(strings.Trim(host, "[]")); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// config is what all connections have. down is told sentences.
func (b *broker) config(down func(string)) autopaho.ClientConfig {
	first := b.end.House.Retry
	if first <= 0 {
		first = time.Second
	}
	backoff := autopaho.NewExponentialBackoff(first, time.Minute, 2*first, 1.5)
	var mu sync.Mutex
	taken := false
	return autopaho.ClientConfig{
		ServerUrls:     []*url.URL{b.at},
		KeepAlive:      30,
		ConnectTimeout: 20 * time.Second,
		ReconnectBackoff: func(attempt int) time.Duration {
			mu.Lock()
			defer mu.Unlock()
			if taken {
				taken = false
				return stepBack
			}
			if attempt == 0 {
				return 0
			}
			return backoff(attempt)
		},
		ConnectUsername: b.user,
		ConnectPassword: b.password,
		AttemptConnection: func(ctx context.Context, _ autopaho.ClientConfig, u *url.URL) (net.Conn, error) {
			conn, err := b.end.House.DialContext(ctx, "tcp", u.Host)
			if err != nil {
				return nil, err
			}
			if b.tls == nil {
				return packets.NewThreadSafeConn(conn), nil
			}
			secure := tls.Client(conn, b.tls)
			shake, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			if err := secure.HandshakeContext(shake); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return packets.NewThreadSafeConn(secure), nil
		},
		OnConnectError: func(err error) { down(fmt.Sprintf("the broker is not reached: %v", err)) },
		OnConnectionDown: func() bool {
			down("the connection to the broker broke")
			return true
		},
		ClientConfig: paho.ClientConfig{
			ClientID: b.client,
			OnServerDisconnect: func(d *paho.Disconnect) {
				if d.ReasonCode == packets.DisconnectSessionTakenOver {
					// To take it back at once would only go to and fro.
					mu.Lock()
					taken = true
					mu.Unlock()
					down("somebody else took over the session at the broker: two sources or programs have one client name")
				}
			},
			OnClientError: func(err error) { down(fmt.Sprintf("the connection to the broker broke: %v", err)) },
		},
	}
}

// named makes the name of a client, another one for other parameters, so that no
// subscription of before is left in its session.
func (b *broker) named(also string) {
	if b.client = b.end.Text("client"); b.client == "" {
		h := sha256.Sum256([]byte(b.end.ID + "\n" + b.at.Host + "\n" + b.topic + "\n" + also))
		b.client = "wattwerk-" + hex.EncodeToString(h[:10])
	}
}

// checkTopic tells what is wrong with a topic.
func checkTopic(topic string, wildcards bool) error {
	if topic == "" || len(topic) > 65535 || !utf8.ValidString(topic) || strings.ContainsRune(topic, 0) {
		return fmt.Errorf("%.60q is no topic", topic)
	}
	if !wildcards {
		if strings.ContainsAny(topic, "+#") {
			return fmt.Errorf("the topic %.60q has + or #, which stand for several, and results go to one", topic)
		}
		return nil
	}
	levels := strings.Split(topic, "/")
	for i, l := range levels {
		if strings.Contains(l, "+") && l != "+" || strings.Contains(l, "#") && (l != "#" || i != len(levels)-1) {
			return fmt.Errorf("in the topic %.60q + and # have to be a level of their own, and # the last", topic)
		}
	}
	return nil
}
