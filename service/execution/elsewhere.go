package execution

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/wattwerk/wattwerk/microservice/plan"
	"github.com/wattwerk/wattwerk/service/reply"
)

// HereHeader tells a process to carry a service out itself.
const HereHeader = "Wattwerk-Here"

// Elsewhere asks another process of the installation by POST, in the name of whoever
// asks here, with [HereHeader] set to its identifier, and gives the whole answer. The
// error is that there was none.
type Elsewhere func(ctx context.Context, m Member, path string, body []byte) (status int, header http.Header, text []byte, err error)

// named is the process that a plan names: that of the first microservice that can work.
func (e *Execution) named(p *plan.Plan) (m Member, other bool) {
	for i := range p.Steps {
		if !p.Steps[i].Usable {
			continue
		}
		m, ok := e.roster.Member(p.Steps[i].Instance)
		return m, ok && m.ID != e.roster.Self().ID
	}
	return Member{}, false
}

// elsewhere has the process that the plan names carry a service out. Without an answer
// it is carried out here, and instead says why.
func (e *Execution) elsewhere(ctx context.Context, x *found, sid string, run *ServiceRun) (out *reply.Sent, instead string) {
	m, other := e.named(x.plan)
	switch {
	case !other:
		return nil, ""
	case e.opts.Elsewhere == nil || m.URL == "":
		return nil, fmt.Sprintf("process %s is not reached from here", m.Name)
	}
	body, err := json.Marshal(run)
	if err != nil {
		return nil, err.Error()
	}
	limit := max(time.Duration(x.plan.Threshold.Limit*float64(time.Millisecond)), leastPatience)
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	status, header, text, err := e.opts.Elsewhere(within, m, "/api/v1/services/"+url.PathEscape(sid)+"/execute", body)
	if err == nil && (status == http.StatusOK || status == http.StatusUnprocessableEntity) {
		return reply.Write(status, header.Get("Content-Type"), "", text), ""
	}
	// Whatever it says, this process may know better: it has another view of the same
	// objects, and says itself what is missing.
	why := "it does not answer"
	if err == nil {
		why = fmt.Sprintf("it answers %d", status)
	}
	e.log.Warn("a service is carried out here instead", "service", x.plan.SID, "subject", x.plan.Subject, "instead", m.Name, "because", why, "error", err)
	return nil, fmt.Sprintf("process %s was asked, and %s", m.Name, why)
}

// write is the result as it is sent. What the service says is text already, and comes
// last.
func (r *ServiceResult) write() []byte {
	text, ok := r.Result.(json.RawMessage)
	if !ok {
		return reply.Text(r)
	}
	head := *r
	head.Result = nil
	b := bytes.TrimSuffix(reply.Text(&head), []byte("null}\n"))
	return append(append(b, text...), "}\n"...)
}
