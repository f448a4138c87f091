package bridge

import "errors"

type RemoteConfig struct{}

func DefaultRemote() RemoteConfig    { return RemoteConfig{} }
func (RemoteConfig) Validate() error { return nil }

type remote struct{}

func newRemote(RemoteConfig) (*remote, error) { return nil, errors.ErrUnsupported }
