package check

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the files for kustomize from the chart")

const (
	chartDir     = "deploy/helm/wattwerk"
	kustomizeDir = "deploy/kubernetes"
	releaseName  = "wattwerk"
	modeSingle   = "single"
	modeScaled   = "scaled"
)

var modes = []string{modeSingle, modeScaled}

// render gives what the chart makes of values, by template.
func render(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	c := loadChart(t)
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: releaseName, Namespace: "wattwerk", IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string)
	for path, text := range files {
		if strings.HasSuffix(path, ".yaml") && strings.TrimSpace(text) != "" {
			out[filepath.Base(path)] = text
		}
	}
	return out, nil
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustRender is render of a mode, as one text.
func mustRender(t *testing.T, mode string) map[string]string {
	t.Helper()
	files, err := render(t, map[string]any{"mode": mode})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func joined(files map[string]string) string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString("---\n" + strings.TrimSpace(files[name]) + "\n")
	}
	return b.String()
}

// build is what kubectl apply -k would apply.
func buildOverlay(t *testing.T, mode string) string {
	t.Helper()
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(kustomizeDir, "overlays", mode))
	if err != nil {
		t.Fatal(err)
	}
	text, err := m.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents divides a file at its marks, without what is empty.
func documents(text string) []string {
	var out []string
	for _, d := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
		if strings.TrimSpace(regexp.MustCompile(`(?m)^\s*#.*$`).ReplaceAllString(d, "")) != "" {
			out = append(out, d)
		}
	}
	return out
}

// decode reads an object into the type that Kubernetes has for it; what the
// type does not know is an error.
func decode(text string) (runtime.Object, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(text), &head); err != nil {
		return nil, err
	}
	o, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
	if err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
		return nil, fmt.Errorf("%s: %w", head.Kind, err)
	}
	return o, nil
}

var hashed = regexp.MustCompile(`wattwerk-(settings|nats)-[a-z0-9]{10}\b`)

// plain gives objects as text that can be compared: by kind and name, without
// the hash in names, which Helm and kustomize make differently, and without
// the namespace, which Helm takes from the command line.
func plain(t *testing.T, text string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, d := range documents(text) {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(hashed.ReplaceAllString(d, "wattwerk-$1-HASH")), &tree); err != nil {
			t.Fatalf("%v in\n%s", err, d)
		}
		meta := tree["metadata"].(map[string]any)
		delete(meta, "namespace")
		// kustomize sorts keys and drops what says nothing; going through the type does the same to both.
		o, err := decode(mustYAML(t, tree))
		if err != nil {
			t.Fatalf("%v in\n%s", err, d)
		}
		out[fmt.Sprintf("%v %v", tree["kind"], meta["name"])] = mustYAML(t, o)
	}
	delete(out, "Namespace wattwerk")
	return out
}

func mustYAML(t *testing.T, x any) string {
	t.Helper()
	data, err := yaml.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const fromChart = "# From the chart in deploy/helm; 'make generate' writes it. Change it by a patch in an overlay of your own.\n"

// TestKustomizeFilesAreThoseOfTheChart holds the files in deploy/kubernetes to
// the chart; -update writes them.
func TestKustomizeFilesAreThoseOfTheChart(t *testing.T) {
	want := make(map[string]string)
	for _, mode := range modes {
		for name, text := range mustRender(t, mode) {
			text = hashed.ReplaceAllString(text, "wattwerk-$1")
			dir := filepath.Join(kustomizeDir, "overlays", mode)
			if name == "account.yaml" {
				dir = filepath.Join(kustomizeDir, "base")
			}
			if name == "settings.yaml" { // kustomize makes the objects from the files, with a hash of its own
				for _, d := range documents(text) {
					o, err := decode(d)
					if err != nil {
						t.Fatal(err)
					}
					for file, content := range dataOf(o) {
						want[filepath.Join(dir, "config", file)] = content
					}
				}
				continue
			}
			want[filepath.Join(dir, name)] = fromChart + strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(text), "---"), "\n") + "\n"
		}
	}
	for path, text := range want {
		if *update {
			write(t, path, text)
			continue
		}
		if got := read(t, path); got != text {
			t.Errorf("%s is not what the chart says; run make generate", path)
		}
	}
	err := filepath.WalkDir(kustomizeDir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && want[path] == "" && filepath.Base(path) != "kustomization.yaml" && filepath.Base(path) != "namespace.yaml" {
			t.Errorf("%s is not made from the chart any more; remove it", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHelmRendersWhatKustomizeBuilds(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			helm, kustomize := plain(t, joined(mustRender(t, mode))), plain(t, buildOverlay(t, mode))
			for key, want := range kustomize {
				if got, ok := helm[key]; !ok {
					t.Errorf("the chart has no %s", key)
				} else if got != want {
					t.Errorf("%s is by the chart\n%s\nand by kustomize\n%s", key, got, want)
				}
			}
			for key := range helm {
				if kustomize[key] == "" {
					t.Errorf("kustomize has no %s", key)
				}
			}
			if len(kustomize) < 6 {
				t.Errorf("there are only %d objects", len(kustomize))
			}
		})
	}
}

func TestChartIsCleanByHelmsOwnLinter(t *testing.T) {
	for _, mode := range modes {
		for _, m := range lint.All(chartDir, map[string]any{"mode": mode}, "wattwerk", true).Messages {
			if m.Severity > support.InfoSev { // that there is no icon is information
				t.Errorf("%s: %v", mode, m)
			}
		}
	}
}

func TestChartTakesNoOtherValues(t *testing.T) {
	for _, c := range []struct{ name, values string }{
		{"a mode that there is not", "mode: huge"},
		{"a name that is misspelt", "secrets: other"},
		{"a tag that moves", "image: {tag: latest}"},
		{"a component that there is not", "components: {bridges: {replicas: 2}}"},
		{"no instances", "components: {bridge: {replicas: 0}}"},
		{"a number where a word is", "secret: 5"},
		{"an amount without a unit that Kubernetes knows", "single: {storage: {size: lots}}"},
		{"scaling by two things at once", "components: {bridge: {autoscaling: {reader: history, lag: 5}}}"},
	} {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(c.values), &values); err != nil {
			t.Fatal(err)
		}
		if _, err := render(t, values); err == nil {
			t.Errorf("the chart takes %s: %s", c.name, c.values)
		}
	}
}

func TestChartValuesArriveWhereTheyBelong(t *testing.T) {
	for _, c := range []struct{ values, want string }{
		{"image: {repository: registry.example.org/w, tag: v2.0.0}", "image: registry.example.org/w:v2.0.0"},
		{"mode: scaled\nsecret: mine", "secretName: mine"},
		{"mode: scaled\ncomponents: {registry: {replicas: 5}}", "replicas: 5"},
		{"mode: scaled\ncomponents: {history: {autoscaling: {lag: 77}}}", `averageValue: "77"`},
		{"single: {storage: {className: fast, size: 7Gi}}", "storageClassName: fast"},
		{"mode: scaled\nnats: {storage: {size: 99Gi}}", "storage: 99Gi"},
	} {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(c.values), &values); err != nil {
			t.Fatal(err)
		}
		files, err := render(t, values)
		if err != nil {
			t.Errorf("%s: %v", c.values, err)
			continue
		}
		if !strings.Contains(joined(files), c.want) {
			t.Errorf("%s: there is no %s", c.values, c.want)
		}
	}
}
