package sink

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/wattwerk/wattwerk/alert"
)

// Publisher publishes on an MQTT broker.
type Publisher interface {
	// Publish returns when the broker has it.
	Publish(ctx context.Context, topic string, payload []byte) error
}

// MQTT publishes messages as JSON.
type MQTT struct {
	broker Publisher
	topic  string
}

// NewMQTT makes a sink that publishes on one topic.
func NewMQTT(broker Publisher, topic string) (*MQTT, error) {
	if broker == nil {
		return nil, errors.New("open MQTT: there is no broker")
	}
	if topic == "" {
		return nil, errors.New("open MQTT: there is no topic")
	}
	return &MQTT{broker, topic}, nil
}

// Send publishes the message.
func (s *MQTT) Send(ctx context.Context, m alert.Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.broker.Publish(ctx, s.topic, data)
}
