package survey

import "context"

// LookNow does what is done every few minutes.
func (s *Service) LookNow(ctx context.Context) { s.look(ctx) }
