package registry

import "github.com/danielgtaylor/huma/v2"

// Register adds the routes.
func (s *Service) Register(api huma.API) {}
