package mongodb

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/connecttest"
)

// gate stands before a FerretDB, whose release has no logins of its own on SQLite:
// it speaks TLS, has clients log in by SCRAM-SHA-256 as RFC 7677 has it, refuses
// what comes before that as MongoDB does, and passes everything else on.
type gate struct {
	user, password string
	behind         string
}

// login is the conversation of one connection.
type login struct {
	bare, first string // the client's first message, and the server's
	nonce       string
	done        bool
}

const (
	opQuery   = 2004
	opMessage = 2013
	rounds    = 15000
)

func (g *gate) serve(t *testing.T, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		go func() {
			defer c.Close()
			to, err := net.Dial("tcp", g.behind)
			if err != nil {
				t.Error(err)
				return
			}
			defer to.Close()
			var at login
			for {
				m, err := readMessage(c)
				if err != nil {
					return // it went, or does not like our certificate
				}
				answer, err := g.answer(&at, m)
				if err == nil && answer == nil {
					if _, err = to.Write(m); err == nil {
						answer, err = readMessage(to)
					}
				}
				if err == nil {
					_, err = c.Write(answer)
				}
				if err != nil {
					return
				}
			}
		}()
	}
}

func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head)
	if n < 16 || n > 48<<20 {
		return nil, errors.New("this is no message")
	}
	m := append(head, make([]byte, n-16)...)
	_, err := io.ReadFull(r, m[16:])
	return m, err
}

// answer answers what is about logging in; nil: it is to be passed on.
func (g *gate) answer(l *login, m []byte) ([]byte, error) {
	if binary.LittleEndian.Uint32(m[12:]) == opQuery {
		return nil, nil // the greeting
	}
	if len(m) < 21 || binary.LittleEndian.Uint32(m[12:]) != opMessage || m[20] != 0 {
		return nil, errors.New("this is no command")
	}
	var of struct {
		Start     int32  `bson:"saslStart"`
		Continue  int32  `bson:"saslContinue"`
		Hello     int32  `bson:"hello"`
		Mechanism string `bson:"mechanism"`
		Payload   []byte `bson:"payload"`
		Database  string `bson:"$db"`
	}
	n := binary.LittleEndian.Uint32(m[21:])
	if err := bson.Unmarshal(m[21:21+n], &of); err != nil {
		return nil, err
	}
	refused := bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 18}, {Key: "codeName", Value: "AuthenticationFailed"}, {Key: "errmsg", Value: "Authentication failed."}}
	var out bson.D
	switch {
	case of.Start != 0 && (of.Mechanism != "SCRAM-SHA-256" || of.Database != "admin"):
		out = refused
	case of.Start != 0, of.Continue != 0:
		say, ok := l.take(g, string(of.Payload), of.Start != 0)
		if out = refused; ok {
			out = bson.D{{Key: "conversationId", Value: 1}, {Key: "done", Value: l.done}, {Key: "payload", Value: bson.Binary{Data: []byte(say)}}, {Key: "ok", Value: 1}}
		}
	case l.done, of.Hello != 0:
		return nil, nil
	default:
		out = bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 13}, {Key: "codeName", Value: "Unauthorized"}, {Key: "errmsg", Value: "Command requires authentication"}}
	}
	body, err := bson.Marshal(out)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, v := range []uint32{uint32(21 + len(body)), 1, binary.LittleEndian.Uint32(m[4:]), opMessage, 0} {
		b.Write(binary.LittleEndian.AppendUint32(nil, v))
	}
	b.WriteByte(0)
	b.Write(body)
	return b.Bytes(), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// take takes the client's next message, see RFC 5802, section 3.
func (l *login) take(g *gate, text string, first bool) (say string, ok bool) {
	const salt = "salt of sixteen."
	base := base64.StdEncoding
	if first {
		bare, ok := strings.CutPrefix(text, "n,,")
		name, nonce, ok2 := strings.Cut(bare, ",r=")
		if !ok || !ok2 || name != "n="+g.user {
			return "", false
		}
		l.bare, l.nonce = bare, nonce+rand.Text()
		l.first = "r=" + l.nonce + ",s=" + base.EncodeToString([]byte(salt)) + ",i=" + strconv.Itoa(rounds)
		return l.first, true
	}
	without, proof, ok := strings.Cut(text, ",p=")
	sent, err := base.DecodeString(proof)
	if !ok || err != nil || without != "c=biws,r="+l.nonce || len(sent) != sha256.Size {
		return "", false
	}
	salted, err := pbkdf2.Key(sha256.New, g.password, []byte(salt), rounds, sha256.Size)
	if err != nil {
		return "", false
	}
	all := l.bare + "," + l.first + "," + without
	stored := sha256.Sum256(mac(salted, "Client Key"))
	key := make([]byte, sha256.Size)
	subtle.XORBytes(key, sent, mac(stored[:], all))
	if got := sha256.Sum256(key); !hmac.Equal(got[:], stored[:]) {
		return "", false
	}
	l.done = true
	return "v=" + base.EncodeToString(mac(mac(salted, "Server Key"), all)), true
}

// TestLogsIn has a sink log in over TLS, with a certificate of its own; what is wrong
// is told without the password.
func TestLogsIn(t *testing.T) {
	behind := start(t)
	house, authority, put := connecttest.Trusting(t)
	put("password", "right, and long\n")
	put("wrong", "wrong, and long\n")
	own, err := authority.Server(t.TempDir(), []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := &gate{user: "wattwerk", password: "right, and long", behind: behind.addr}
	go g.serve(t, l)

	values := func(more ...string) []string {
		v := map[string]string{"hosts": l.Addr().String(), "database": "plant", "tls": "true", "ca": "ca", "user": "wattwerk", "password": "password", "authMechanism": "SCRAM-SHA-256"}
		for i := 0; i < len(more); i += 2 {
			if v[more[i]] = more[i+1]; more[i+1] == "" {
				delete(v, more[i])
			}
		}
		var out []string
		for k, x := range v {
			out = append(out, k, x)
		}
		return out
	}
	result := []connect.Written{{Manifest: "m", Processor: "p", Key: "a", Time: 1, Value: 1.5}}
	w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values()...))
	if err := w.Write(t.Context(), result); err != nil {
		t.Fatal(err)
	}
	want := []string{"m a 1 1.5 "}
	if d := cmp.Diff(want, behind.documents()); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		with []string
		says string
	}{
		{[]string{"password", "wrong"}, "auth"},
		{[]string{"user", "somebody"}, "auth"},
		{[]string{"user", "", "password", "", "authMechanism", ""}, "requires authentication"},
		{[]string{"authSource", "plant"}, "auth"},
		{[]string{"authMechanism", "SCRAM-SHA-1"}, "auth"},
		{[]string{"ca", "foreign"}, "certificate"},
	} {
		w := connecttest.Write(t, Protocol(), connecttest.End(t, Protocol(), house, manifest.Kind{}, values(c.with...)...))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // one that no server suits waits for another
		err := w.Write(ctx, []connect.Written{{Manifest: "m", Processor: "p", Key: "b", Time: 1, Value: 1}})
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "and long") {
			t.Errorf("%s: %v", c.with, err)
		}
	}
	if d := cmp.Diff(want, behind.documents()); d != "" {
		t.Error(d)
	}
}
