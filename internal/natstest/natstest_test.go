package natstest

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// greets tells whether the node says hello to a client, as NATS does.
func greets(n *Node) bool {
	c, err := net.DialTimeout("tcp", n.Addr(), 5*time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "INFO ")
}

func TestOneNode(t *testing.T) {
	c := Start(t, Options{})
	n := c.Nodes[0]
	if !greets(n) || c.URL() != n.URL() || c.MustLeader("") != n {
		t.Error("it is not there")
	}
	n.Stop()
	if n.Running() || greets(n) {
		t.Error("it was stopped and is there")
	}
	n.Start()
	c.Ready()
	if !greets(n) {
		t.Error("it was started again and is not there")
	}
}

func TestThreeNodesSurviveTheirLeader(t *testing.T) {
	c := Start(t, Options{Nodes: 3})
	first := c.MustLeader("")
	first.Kill()
	second := c.MustLeader("")
	if second == first {
		t.Error("a dead node leads")
	}
	first.Start()
	c.Ready()
	frozen := c.MustLeader("")
	frozen.Pause()
	if !frozen.Running() {
		t.Error("a frozen node has no process")
	}
	frozen.Resume()
	c.Ready()
	if strings.Count(c.URL(), ",") != 2 {
		t.Errorf("the address is %s", c.URL())
	}
}

func TestHostsAreNobodyElses(t *testing.T) {
	seen := make(map[string]bool)
	for range 3 {
		for _, h := range Hosts(t, 3) {
			if seen[h] {
				t.Errorf("%s was given twice", h)
			}
			seen[h] = true
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d addresses", len(seen))
	}
}
