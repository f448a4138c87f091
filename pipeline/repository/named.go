package repository

import (
	"errors"
	"slices"

	"github.com/wattwerk/wattwerk/manifest"
)

// Named is a bundle as people keep it in files: models refer to one another by
// name and have no ids (but for a source that is called as a processor of the
// manifest that reads it, and keeps its id in both places). Applied to an empty repository it gives the same models
// with new ids.
func Named(b *manifest.Bundle) (*manifest.Bundle, error) {
	names := make(map[key]string)
	each(b, func(m any) { names[key{kindOf(m), *idOf(m)}] = nameOf(m) })
	kept := make(map[key]bool)
	for i := range b.Manifests {
		m := &b.Manifests[i]
		references(m, func(ref *string, to Kind) {
			k := key{to, *ref}
			if to == Sources && slices.ContainsFunc(m.Processors, func(p manifest.Processor) bool { return p.Name == names[k] }) {
				kept[k] = true
			}
		})
	}
	out := new(manifest.Bundle)
	var errs []error
	each(b, func(m any) {
		c, err := clone(m)
		if err != nil {
			errs = append(errs, err)
			return
		}
		references(c, func(ref *string, to Kind) {
			name, ok := names[key{to, *ref}]
			if ok && !kept[key{to, *ref}] {
				*ref = name
			}
		})
		if !kept[key{kindOf(m), *idOf(m)}] {
			*idOf(c) = ""
		}
		add(out, c)
	})
	return out, errors.Join(errs...)
}
