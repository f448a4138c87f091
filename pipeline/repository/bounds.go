package repository

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// bounds holds a model against the bounds that its fields state in their tags,
// which the HTTP interface states too; models come in other ways as well.
func bounds(m any, fault func(format string, args ...any)) {
	walk(reflect.ValueOf(m).Elem(), "", fault)
}

func walk(v reflect.Value, path string, fault func(string, ...any)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), path, fault)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return // JSON, judged with its declaration
		}
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.String {
				field(e, `minLength:"1" maxLength:"2000"`, path+"["+strconv.Itoa(i)+"]", fault)
			}
			walk(v.Index(i), path+"["+strconv.Itoa(i)+"]", fault)
		}
	case reflect.Struct:
		t := v.Type()
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			at := path
			if !f.Anonymous {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				at = strings.TrimPrefix(path+"."+name, ".")
				field(v.Field(i), f.Tag, at, fault)
			}
			walk(v.Field(i), at, fault)
		}
	}
}

func field(v reflect.Value, tag reflect.StructTag, at string, fault func(string, ...any)) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	limit := func(name string) (int, bool) {
		n, err := strconv.Atoi(tag.Get(name))
		return n, err == nil
	}
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			fault("%s is not text", at)
		}
		n := utf8.RuneCountInString(s)
		if least, ok := limit("minLength"); ok && (n < least || strings.TrimSpace(s) == "") {
			fault("%s is missing", at)
		}
		if most, ok := limit("maxLength"); ok && n > most {
			fault("%s has %d characters, and may have %d", at, n, most)
		}
		if enum := tag.Get("enum"); enum != "" && s != "" && !slices.Contains(strings.Split(enum, ","), s) {
			fault("%s is %.40q; it may be %s", at, s, strings.ReplaceAll(enum, ",", ", "))
		}
	case reflect.Slice:
		if least, ok := limit("minItems"); ok && v.Len() < least {
			fault("%s is missing", at)
		}
		if most, ok := limit("maxItems"); ok && v.Len() > most {
			fault("%s has %d entries, and may have %d", at, v.Len(), most)
		}
	case reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			fault("%s is no number", at)
		}
		if least, err := strconv.ParseFloat(tag.Get("minimum"), 64); err == nil && f < least {
			fault("%s is %v, and must be at least %v", at, f, least)
		}
		if most, err := strconv.ParseFloat(tag.Get("maximum"), 64); err == nil && f > most {
			fault("%s is %v, and must be at most %v", at, f, most)
		}
	}
}
