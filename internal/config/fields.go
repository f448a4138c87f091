package config

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/goccy/go-yaml"
	"github.com/knadh/koanf/v2"
)

// walk visits the leaf settings of a struct in the order of its fields, and
// each section before its leaves.
func walk(v reflect.Value, path string, depth int, visit func(f field)) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		name := sf.Tag.Get("koanf")
		if name == "" {
			continue
		}
		f := field{name: name, key: strings.TrimPrefix(path+"."+name, "."), doc: sf.Tag.Get("doc"), value: v.Field(i), depth: depth}
		f.section = f.value.Kind() == reflect.Struct && !isText(f.value)
		visit(f)
		if f.section {
			walk(f.value, f.key, depth+1, visit)
		}
	}
}

type field struct {
	name, key, doc string
	value          reflect.Value
	depth          int
	section        bool
}

func isText(v reflect.Value) bool {
	_, ok := v.Interface().(encoding.TextMarshaler)
	return ok
}

// keys are the dotted names of all leaves; a map adds "name.*".
func keys(of any) map[string]bool {
	out := make(map[string]bool)
	walk(reflect.ValueOf(of), "", 0, func(f field) {
		if f.section {
			return
		}
		out[f.key] = true
		if f.value.Kind() == reflect.Map {
			out[f.key+".*"] = true
		}
	})
	return out
}

func decode(k *koanf.Koanf, into any) error {
	return k.UnmarshalWithConf("", into, koanf.UnmarshalConf{
		Tag: "koanf",
		DecoderConfig: &mapstructure.DecoderConfig{
			Result: into, TagName: "koanf", WeaklyTypedInput: true, ErrorUnused: true,
			// A list in the file replaces the default; it is not laid over it.
			ZeroFields: true,
			DecodeHook: mapstructure.ComposeDecodeHookFunc(
				numberToText, mapstructure.StringToSliceHookFunc(","), mapstructure.TextUnmarshallerHookFunc(),
			),
		},
	})
}

// numberToText lets plain numbers stand where Bytes and Duration are read.
func numberToText(from, to reflect.Type, data any) (any, error) {
	if !reflect.PointerTo(to).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || from.Kind() == reflect.String {
		return data, nil
	}
	return fmt.Sprint(data), nil
}

// Print writes the settings as a YAML file with a comment above each.
func Print(w io.Writer, of any) error {
	var b strings.Builder
	walk(reflect.ValueOf(of), "", 0, func(f field) {
		in := strings.Repeat("  ", f.depth)
		if f.section {
			b.WriteString("\n")
		}
		for _, line := range wrap(f.doc, 100-len(in)) {
			fmt.Fprintf(&b, "%s# %s\n", in, line)
		}
		if f.section {
			fmt.Fprintf(&b, "%s%s:\n", in, f.name)
			return
		}
		fmt.Fprintf(&b, "%s%s: %s\n", in, f.name, literal(f.value))
	})
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

func literal(v reflect.Value) string {
	data, err := yaml.MarshalWithOptions(v.Interface(), yaml.Flow(true))
	if err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(v.Interface()))
	}
	return strings.TrimSpace(string(data))
}

func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
