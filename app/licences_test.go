package app

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files instead of comparing")

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s is not up to date; 'make generate' writes it again:\n%s", path, d)
	}
}

// known are the licences we may ship, by words that only they contain.
var known = []struct{ name, words string }{
	{"Apache-2.0", "Apache License"},
	{"MPL-2.0", "Mozilla Public License"},
	{"EPL-2.0", "Eclipse Public License - v 2.0"},
	{"ISC", "Permission to use, copy, modify, and/or distribute"},
	{"ISC", "Permission to use, copy, modify, and distribute this software for any"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"BSD-3-Clause", "Neither the name"},
	{"BSD-3-Clause", "names of its contributors"},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
	{"Unlicense", "This is free and unencumbered software"},
}

// TestLicences holds the list of what is inside the program, and that all of
// it may be.
func TestLicences(t *testing.T) {
	lines := append(goLicences(t), npmLicences(t)...)
	slices.Sort(lines)
	golden(t, "licences.txt", strings.Join(slices.Compact(lines), "\n")+"\n")
}

func goLicences(t *testing.T) []string {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if .Dir}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", "github.com/wattwerk/wattwerk/cmd/wattwerk")
	// One list for all machines: the widest one.
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	var lines []string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 3 || seen[f[0]] { // ours has no version
			continue
		}
		seen[f[0]] = true
		name, err := licenceIn(f[2])
		if err != nil {
			t.Errorf("%s: %v", f[0], err)
		}
		lines = append(lines, fmt.Sprintf("%-17s %s %s", name, f[0], f[1]))
	}
	if len(lines) < 20 {
		t.Errorf("only %d modules found", len(lines))
	}
	return lines
}

func licenceIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") || e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		text := strings.Join(strings.Fields(string(data)), " ")
		for _, k := range known {
			if strings.Contains(text, k.words) {
				return k.name, nil
			}
		}
		return "", fmt.Errorf("the licence in %s is none that is known to be fine", e.Name())
	}
	return "", fmt.Errorf("no licence in %s", dir)
}

// npmLicences reads what the lock file says about what the page is made of.
func npmLicences(t *testing.T) []string {
	data, err := os.ReadFile("../web/ui/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct {
			Version, License string
			Dev, DevOptional bool
		} `json:"packages"`
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for path, p := range lock.Packages {
		name, inModules := strings.CutPrefix(path, "node_modules/")
		if !inModules || p.Dev || p.DevOptional {
			continue
		}
		if i := strings.LastIndex(name, "node_modules/"); i >= 0 {
			name = name[i+len("node_modules/"):]
		}
		switch p.License {
		case "MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense", "CC0-1.0", "(MIT OR CC0-1.0)":
		default:
			t.Errorf("%s has the licence %q, which is not known to be fine", name, p.License)
		}
		lines = append(lines, fmt.Sprintf("%-17s npm %s %s", p.License, name, p.Version))
	}
	return lines
}
