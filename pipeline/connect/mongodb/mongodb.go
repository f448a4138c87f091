package mongodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/wattwerk/wattwerk/manifest"
	"github.com/wattwerk/wattwerk/observation"
	"github.com/wattwerk/wattwerk/pipeline/connect"
	"github.com/wattwerk/wattwerk/pipeline/connect/format"
)

const (
	within = 30 * time.Second // for the servers to store what is in a request
	chunk  = 100              // results of a request
)

// Protocol is MongoDB's.
func Protocol() connect.Protocol {
	return connect.Protocol{
		Name:    "mongodb",
		Summary: "Results are documents of a collection of MongoDB, or of a server that speaks its protocol.",
		Details: "A document has `manifest`, `processor`, `key` and `time`, an `_id` that is made of these four, `value` (null where there is none) and `marks`, a list of estimated, partial, alarm and suspect.",
		Example: `interfaces:
  - name: Documents
    protocol: mongodb
kinds:
  - name: Results
    quantityKind: TotalRealPower
    unit: W
sourceDefinitions:
  - {name: Results as documents, interface: Documents, kinds: [Results]}
sources:
  - name: Archive
    definition: Results as documents
    parameters: {hosts: "mongo-1.example.org,mongo-2.example.org", replicaSet: rs0, database: plant, collection: hourly, tls: true, user: wattwerk, password: mongo-password}
`,
		Parameters: []manifest.Parameter{
			{Name: "hosts", Description: "HOST or HOST:PORT of the servers, with commas.", Required: true},
			{Name: "replicaSet", Description: "Name of their replica set. Absent: the first that answers is taken as it is."},
			{Name: "database", Description: "Name of the database.", Required: true},
			{Name: "collection", Description: "Name of the collection.", Default: connect.Default("results")},
			{Name: "user", Description: "Name to log in with."},
			{Name: "password", Type: manifest.Secret, Description: "File of the password."},
			{Name: "authSource", Description: "The database that knows the user.", Default: connect.Default("admin")},
			{Name: "authMechanism", Description: "How to log in. Absent: what the server prefers.", OneOf: []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}},
			{Name: "tls", Type: manifest.Bool, Description: "Speak TLS.", Default: connect.Default(false)},
			{Name: "ca", Type: manifest.Secret, Description: "File of the certificates that the servers' must be signed by. Absent: those of the system."},
			{Name: "cert", Type: manifest.Secret, Description: "File of our certificate, if the servers want one."},
			{Name: "certKey", Type: manifest.Secret, Description: "File of its key."},
		},
		Writer: newWriter,
	}
}

type writer struct {
	end    connect.End
	client *mongo.Client
	in     *mongo.Collection
}

func newWriter(_ context.Context, e connect.End) (connect.Writer, error) {
	w := &writer{end: e}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("open sink %s: %w", e.Name, err)
	}
	return w, nil
}

func (w *writer) open() error {
	e := &w.end
	var hosts []string
	for h := range strings.SplitSeq(e.Text("hosts"), ",") {
		if h = strings.TrimSpace(h); h == "" {
			continue
		}
		if strings.ContainsAny(h, "/@?% ") {
			return fmt.Errorf("%.60q is not like HOST:PORT", h)
		}
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), "27017")
		}
		hosts = append(hosts, h)
	}
	if len(hosts) == 0 || len(hosts) > 50 {
		return errors.New("there is no host, or there are more than 50")
	}
	database, collection := e.Text("database"), e.Text("collection")
	if database == "" || len(database) > 63 || strings.ContainsAny(database, "/\\. \"$*<>:|?\x00") || !utf8.ValidString(database) {
		return fmt.Errorf("%.60q is no name of a database", database)
	}
	if collection == "" || len(collection) > 120 || strings.ContainsAny(collection, "$\x00") || strings.HasPrefix(collection, "system.") || !utf8.ValidString(collection) {
		return fmt.Errorf("%.60q is no name of a collection", collection)
	}
	o := options.Client().SetHosts(hosts).SetAppName("wattwerk").SetDialer(e.House).SetWriteConcern(writeconcern.Majority()).SetRetryWrites(false).
		SetServerSelectionTimeout(10 * time.Second).SetConnectTimeout(10 * time.Second).SetTimeout(within).SetMaxPoolSize(2)
	if set := e.Text("replicaSet"); set != "" {
		o.SetReplicaSet(set)
	} else if len(hosts) == 1 {
		o.SetDirect(true)
	}
	password, err := e.Secret("password")
	if err != nil {
		return err
	}
	if user := e.Text("user"); user != "" {
		o.SetAuth(options.Credential{Username: user, Password: string(password), PasswordSet: password != nil, AuthSource: e.Text("authSource"), AuthMechanism: e.Text("authMechanism")})
	}
	if e.Bool("tls") {
		c, err := e.TLS("")
		if err != nil {
			return err
		}
		o.SetTLSConfig(c)
	}
	if err := o.Validate(); err != nil {
		return err
	}
	if w.client, err = mongo.Connect(o); err != nil {
		return err
	}
	w.in = w.client.Database(database).Collection(collection)
	return nil
}

func (w *writer) Write(ctx context.Context, results []connect.Written) error {
	var refused connect.Refused
	for len(results) > 0 {
		n := min(len(results), chunk)
		if err := w.upsert(ctx, results[:n], &refused); err != nil {
			return fmt.Errorf("write to sink %s: %w", w.end.Name, err)
		}
		results = results[n:]
	}
	return refused.Err()
}

func (w *writer) upsert(ctx context.Context, results []connect.Written, refused *connect.Refused) error {
	var models []mongo.WriteModel
	var of []*connect.Written
	for i := range results {
		r := &results[i]
		if !utf8.ValidString(r.Manifest + r.Processor + r.Key) {
			refused.Add(*r, "MongoDB takes nothing that is not UTF-8")
			continue
		}
		var value any
		if r.Marks&observation.Null == 0 {
			value = r.Value
		}
		marks := bson.A{}
		for m := range strings.SplitSeq(format.Marks(r.Marks), ",") {
			if m != "" {
				marks = append(marks, m)
			}
		}
		set := bson.D{{Key: "manifest", Value: r.Manifest}, {Key: "processor", Value: r.Processor}, {Key: "key", Value: r.Key}, {Key: "time", Value: bson.DateTime(r.Time)},
			{Key: "value", Value: value}, {Key: "marks", Value: marks}}
		models = append(models, mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: format.ID(r)}}).SetUpdate(bson.D{{Key: "$set", Value: set}}).SetUpsert(true))
		of = append(of, r)
	}
	if len(models) == 0 {
		return nil
	}
	// In order: of one that comes twice the last stays.
	request, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := w.in.BulkWrite(request, models)
	var bulk mongo.BulkWriteException
	if errors.As(err, &bulk) && bulk.WriteConcernError == nil && len(bulk.WriteErrors) == 1 {
		// 121: the collection has a rule that the document breaks; 2 and 10334: it can
		// never be stored. Those after it were not looked at.
		if e := bulk.WriteErrors[0]; e.Index < len(of) && (e.Code == 121 || e.Code == 2 || e.Code == 10334) {
			refused.Add(*of[e.Index], e.Message)
			rest := make([]connect.Written, 0, len(of)-e.Index)
			for _, r := range of[e.Index+1:] {
				rest = append(rest, *r)
			}
			return w.upsert(ctx, rest, refused)
		}
	}
	return err
}

func (w *writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return w.client.Disconnect(ctx)
}
