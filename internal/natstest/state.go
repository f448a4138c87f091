package natstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Ready returns when all nodes that run are healthy and agree on a leader. It
// fails the test when that does not come to pass.
func (c *Cluster) Ready() {
	c.t.Helper()
	err := c.Wait(c.t.Context(), func() error {
		for _, n := range c.Nodes {
			if n.crashed() {
				c.t.Fatalf("%s ended by itself", n.Name)
			}
		}
		return c.healthy()
	})
	if err != nil {
		c.t.Fatalf("the nats-servers are not ready: %v", err)
	}
}

// Wait asks until the condition gives nil, for at most [Within]; then it gives
// what the condition says.
func (c *Cluster) Wait(ctx context.Context, condition func() error) error {
	deadline := time.Now().Add(Within)
	for {
		err := condition()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Cluster) healthy() error {
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		var health struct{ Status, Error string }
		if err := c.ask(n, "/healthz", &health); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		if health.Status != "ok" {
			return fmt.Errorf("%s: %s", n.Name, health.Error)
		}
	}
	_, err := c.meta()
	return err
}

// Leader gives the node that leads a stream ("" for the cluster's own leader),
// when there is one and those that follow it know.
func (c *Cluster) Leader(stream string) (*Node, error) {
	if len(c.Nodes) == 1 {
		return c.Nodes[0], nil
	}
	if stream == "" {
		return c.meta()
	}
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		var js jsz
		if err := c.ask(n, "/jsz?accounts=true&streams=true", &js); err != nil {
			continue
		}
		for _, a := range js.Accounts {
			for _, s := range a.Streams {
				if s.Name == stream && s.Cluster.Leader == n.Name {
					return n, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("nobody leads %s", stream)
}

// MustLeader waits for a leader of a stream ("" for the cluster's own).
func (c *Cluster) MustLeader(stream string) *Node {
	c.t.Helper()
	var leader *Node
	err := c.Wait(c.t.Context(), func() (err error) {
		leader, err = c.Leader(stream)
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return leader
}

func (c *Cluster) meta() (*Node, error) {
	if len(c.Nodes) == 1 {
		return c.Nodes[0], nil
	}
	leader := ""
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		var js jsz
		if err := c.ask(n, "/jsz", &js); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name, err)
		}
		if js.Meta.Leader == "" || leader != "" && js.Meta.Leader != leader {
			return nil, fmt.Errorf("%s takes %q for the leader of the cluster, others %q", n.Name, js.Meta.Leader, leader)
		}
		leader = js.Meta.Leader
	}
	for _, n := range c.Nodes {
		if n.Name == leader && n.Running() {
			return n, nil
		}
	}
	return nil, errors.New("nobody leads the cluster")
}

// jsz is what we read of a node's account of JetStream.
type jsz struct {
	Meta struct {
		Leader string `json:"leader"`
	} `json:"meta_cluster"`
	Accounts []struct {
		Streams []struct {
			Name    string `json:"name"`
			Cluster struct {
				Leader string `json:"leader"`
			} `json:"cluster"`
		} `json:"stream_detail"`
	} `json:"account_details"`
}

func (c *Cluster) ask(n *Node, path string, v any) error {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, n.Monitor()+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v)
}
