package household

import "net/http"

// Problem is a refusal, as RFC 9457 problem details with a code for programs and
// what a device is to do.
type Problem struct {
	Title   string    `json:"title" doc:"The status in words"`
	Status  int       `json:"status"`
	Detail  string    `json:"detail" doc:"What is wrong, in a sentence"`
	Code    string    `json:"code" doc:"For programs" example:"consent_revoked"`
	Action  Action    `json:"action" enum:"stop,wait,retry,drop,fix_clock,renew,ask,none" doc:"What a device is to do"`
	Refused []Refused `json:"refused,omitempty" doc:"Of a batch of which nothing can be taken: why"`
}

// Refuse makes a refusal.
func Refuse(status int, code string, action Action, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Code: code, Action: action}
}

// Error is the sentence.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problem details, whatever was asked for.
func (*Problem) ContentType(string) string { return "application/problem+json" }
