package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
)

// raw hands raw samples of a replica to f, in order of time for each series,
// some at once; what f is handed is valid until it returns.
func (s *Store) raw(ctx context.Context, r *replica, q question, f func(ls labels.Labels, times []int64, values []float64) error) error {
	if r.Read == "" {
		return s.export(ctx, r, q, f)
	}
	answer, err := s.remoteRead(ctx, r, q)
	if err != nil {
		return fmt.Errorf("ask %s: %w", r.Read, err)
	}
	var names labels.ScratchBuilder
	var times []int64
	var values []float64
	for _, result := range answer.Results {
		for _, series := range result.Timeseries {
			names.Reset()
			for _, l := range series.Labels {
				names.Add(l.Name, l.Value)
			}
			names.Sort()
			times, values = times[:0], values[:0]
			for _, x := range series.Samples {
				times, values = append(times, x.Timestamp), append(values, x.Value)
			}
			if len(times) == 0 {
				continue
			}
			if err := f(names.Labels(), times, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// remoteRead asks by Prometheus remote read, which answers as a whole.
func (s *Store) remoteRead(ctx context.Context, r *replica, q question) (*prompb.ReadResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	var req prompb.ReadRequest
	for _, ms := range q.matchers {
		one := &prompb.Query{StartTimestampMs: q.from, EndTimestampMs: min(q.to, farFuture)}
		for _, m := range ms {
			// The types have the same numbers.
			one.Matchers = append(one.Matchers, &prompb.LabelMatcher{Type: prompb.LabelMatcher_Type(m.Type), Name: m.Name, Value: m.Value})
		}
		req.Queries = append(req.Queries, one)
	}
	message, err := req.Marshal()
	if err != nil {
		return nil, err
	}
	body, err := s.client.do(ctx, http.MethodPost, r.Read, "application/x-protobuf", snappy.Encode(nil, message),
		"Content-Encoding", "snappy", "X-Prometheus-Remote-Read-Version", "0.1.0")
	if err != nil {
		return nil, err
	}
	packed, err := io.ReadAll(io.LimitReader(body, mostAnswer))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	n, err := snappy.DecodedLen(packed)
	if err == nil && n > 4*mostAnswer {
		err = fmt.Errorf("it is %d bytes", n)
	}
	var plain []byte
	if err == nil {
		plain, err = snappy.Decode(nil, packed)
	}
	var answer prompb.ReadResponse
	if err == nil {
		err = answer.Unmarshal(plain)
	}
	if err != nil {
		return nil, fmt.Errorf("the answer is not one of remote read: %w", err)
	}
	return &answer, nil
}
