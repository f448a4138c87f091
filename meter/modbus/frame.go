package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The functions that are spoken.
const (
	readHolding   = 3
	readInput     = 4
	writeOne      = 6
	writeSeveral  = 16
	exceptionFlag = 0x80
)

// MaxRead is how many registers a device can be asked for at once.
const MaxRead = 125

// maxWrite is how many can be written at once.
const maxWrite = 123

// maxPDU is how long a request or answer may be.
const maxPDU = 253

// Exception is how a device refuses a request.
type Exception byte

// The exceptions that devices usually give.
const (
	IllegalFunction Exception = 1
	IllegalAddress  Exception = 2
	IllegalValue    Exception = 3
	DeviceFailure   Exception = 4
	DeviceBusy      Exception = 6
	NoPath          Exception = 10
	NoAnswer        Exception = 11
)

var exceptions = map[Exception]string{
	IllegalFunction: "it does not know the function", IllegalAddress: "it has no such register", IllegalValue: "it does not take the value",
	DeviceFailure: "it failed", DeviceBusy: "it is busy", NoPath: "the gateway has no path to it", NoAnswer: "it did not answer the gateway",
}

// Error says what the device meant.
func (e Exception) Error() string {
	if text, ok := exceptions[e]; ok {
		return "the device says: " + text
	}
	return fmt.Sprintf("the device gives exception %d", byte(e))
}

// errFrame is what every answer is that is none.
var errFrame = errors.New("the answer is no Modbus")

// A Framing carries requests and answers.
type Framing interface {
	// write sends a frame.
	write(w io.Writer, id uint16, unit uint8, pdu []byte) error
	// read gets the next frame; request says that it is one to a server. The id is that of
	// the frame, or that given where frames have none.
	read(r io.Reader, id uint16, request bool) (gotID uint16, unit uint8, pdu []byte, err error)
}

// TCP is the framing of Modbus TCP.
var TCP Framing = tcp{}

// RTU is the framing of serial lines, and of converters that pass it on over TCP.
var RTU Framing = rtu{}

type tcp struct{}

func (tcp) write(w io.Writer, id uint16, unit uint8, pdu []byte) error {
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, 7+len(pdu)), id)
	frame = append(frame, 0, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(pdu)+1))
	frame = append(append(frame, unit), pdu...)
	_, err := w.Write(frame)
	return err
}

func (tcp) read(r io.Reader, _ uint16, _ bool) (uint16, uint8, []byte, error) {
	var head [7]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(head[4:])) - 1
	if head[2] != 0 || head[3] != 0 || n < 1 || n > maxPDU {
		return 0, 0, nil, errFrame
	}
	pdu := make([]byte, n)
	if _, err := io.ReadFull(r, pdu); err != nil {
		return 0, 0, nil, err
	}
	return binary.BigEndian.Uint16(head[:]), head[6], pdu, nil
}

type rtu struct{}

// CRC is CRC-16/Modbus: polynomial 0x8005 reflected, begun with 0xffff; sent low
// byte first.
func CRC(p []byte) uint16 {
	c := uint16(0xffff)
	for _, b := range p {
		c ^= uint16(b)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xa001
			} else {
				c >>= 1
			}
		}
	}
	return c
}

func (rtu) write(w io.Writer, _ uint16, unit uint8, pdu []byte) error {
	frame := append(append(make([]byte, 0, 3+len(pdu)), unit), pdu...)
	_, err := w.Write(binary.LittleEndian.AppendUint16(frame, CRC(frame)))
	return err
}

// read knows how long a frame is by its function: silence, by which the standard ends it,
// cannot be told from a slow converter.
func (rtu) read(r io.Reader, id uint16, request bool) (uint16, uint8, []byte, error) {
	frame := make([]byte, 3, 3+maxPDU)
	if _, err := io.ReadFull(r, frame); err != nil {
		return 0, 0, nil, err
	}
	rest := 0
	switch function := frame[1]; {
	case function&exceptionFlag != 0:
		rest = 2
	case !request && (function == readHolding || function == readInput):
		rest = int(frame[2]) + 2
	case function == writeSeveral && request:
		frame = append(frame, 0, 0, 0, 0)
		if _, err := io.ReadFull(r, frame[3:]); err != nil {
			return 0, 0, nil, err
		}
		rest = int(frame[6]) + 2
	case function == readHolding || function == readInput || function == writeOne || function == writeSeveral:
		rest = 5
	default:
		return 0, 0, nil, errFrame
	}
	from := len(frame)
	if from+rest > 3+maxPDU {
		return 0, 0, nil, errFrame
	}
	frame = append(frame, make([]byte, rest)...)
	if _, err := io.ReadFull(r, frame[from:]); err != nil {
		return 0, 0, nil, err
	}
	n := len(frame) - 2
	if CRC(frame[:n]) != binary.LittleEndian.Uint16(frame[n:]) {
		return 0, 0, nil, errors.New("the checksum of the answer is wrong")
	}
	return id, frame[0], frame[1:n], nil
}
