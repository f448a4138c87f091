package check

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
)

// every asks the same of every workload.
func every(ask func(cluster, workload) []string) func(cluster) []string {
	return func(c cluster) []string {
		var out []string
		for _, w := range c.workloads {
			for _, where := range ask(c, w) {
				out = append(out, w.name+": "+where)
			}
		}
		return out
	}
}

// everyProgram asks every workload that is wattwerk and whose settings can be read.
func everyProgram(ask func(cluster, workload, map[string]string) []string) func(cluster) []string {
	return every(func(c cluster, w workload) []string {
		if a, ok := c.inForce[w.name]; ok && a.err == nil {
			return ask(c, w, a.values)
		}
		return nil
	})
}

func truth(b *bool) bool { return b != nil && *b }

func falsehood(b *bool) bool { return b != nil && !*b }

// podRules are about a pod alone.
var podRules = []rule[cluster]{
	{"Images name an exact version.", every(func(_ cluster, w workload) []string {
		return only(pinned(w.container().Image), "%s", w.container().Image)
	})},
	{"Nobody is root, and the user is a number.", every(func(_ cluster, w workload) []string {
		s := w.spec().SecurityContext
		return only(s != nil && truth(s.RunAsNonRoot) && s.RunAsUser != nil && *s.RunAsUser > 0 && s.RunAsGroup != nil && *s.RunAsGroup > 0, "the security context is %v", s)
	})},
	{"Volumes belong to the user.", every(func(_ cluster, w workload) []string {
		s := w.spec().SecurityContext
		return only(s != nil && s.FSGroup != nil && s.RunAsGroup != nil && *s.FSGroup == *s.RunAsGroup, "the group of volumes is not that of the user")
	})},
	{"The image cannot be written.", every(func(_ cluster, w workload) []string {
		s := w.container().SecurityContext
		return only(s != nil && truth(s.ReadOnlyRootFilesystem), "readOnlyRootFilesystem is not set")
	})},
	{"Nobody has capabilities, and nobody can get any.", every(func(_ cluster, w workload) []string {
		s := w.container().SecurityContext
		return only(s != nil && falsehood(s.AllowPrivilegeEscalation) && !truth(s.Privileged) && s.Capabilities != nil &&
			slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(s.Capabilities.Add) == 0, "the security context is %v", s)
	})},
	{"System calls are filtered.", every(func(_ cluster, w workload) []string {
		s := w.spec().SecurityContext
		return only(s != nil && s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "there is no seccomp profile")
	})},
	{"Nobody shares anything with the node.", every(func(_ cluster, w workload) []string {
		s := w.spec()
		out := only(!s.HostNetwork && !s.HostPID && !s.HostIPC, "it shares a namespace")
		for _, v := range s.Volumes {
			out = append(out, only(v.HostPath == nil, "%s is a directory of the node", v.Name)...)
		}
		for _, p := range w.container().Ports {
			out = append(out, only(p.HostPort == 0, "it takes the port %d of the node", p.HostPort)...)
		}
		return out
	})},
	{"No pod has a token of Kubernetes.", every(func(c cluster, w workload) []string {
		return only(falsehood(w.spec().AutomountServiceAccountToken), "a token is mounted")
	})},
	{"Accounts are there, and give no token.", every(func(c cluster, w workload) []string {
		for _, a := range c.accounts {
			if a.Name == w.spec().ServiceAccountName {
				return only(falsehood(a.AutomountServiceAccountToken), "the account %s mounts a token", a.Name)
			}
		}
		return []string{fmt.Sprintf("there is no account %q", w.spec().ServiceAccountName)}
	})},
	{"Variables come from these files alone.", every(func(_ cluster, w workload) []string {
		return only(falsehood(w.spec().EnableServiceLinks) && len(w.container().EnvFrom) == 0, "services of the namespace, or whole objects, become variables")
	})},
	{"Everybody says what he needs, and cannot take more than his share.", every(func(_ cluster, w workload) []string {
		var out []string
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			need, have := w.container().Resources.Requests[name]
			limit, bounded := w.container().Resources.Limits[name]
			out = append(out, only(have && bounded && need.Cmp(resource.MustParse("0")) > 0 && limit.Cmp(need) >= 0, "%s: %v of at most %v", name, need.String(), limit.String())...)
		}
		return out
	})},
	{"Everybody is asked whether he has started, lives and is ready.", every(func(_ cluster, w workload) []string {
		k := w.container()
		return only(k.StartupProbe != nil && k.LivenessProbe != nil && k.ReadinessProbe != nil, "a probe is missing")
	})},
	{"Probes ask at ports that there are.", every(func(_ cluster, w workload) []string {
		var out []string
		for _, p := range []*corev1.Probe{w.container().StartupProbe, w.container().LivenessProbe, w.container().ReadinessProbe} {
			if p != nil && p.HTTPGet != nil {
				_, ok := w.port(p.HTTPGet.Port)
				out = append(out, only(ok, "there is no port %s", p.HTTPGet.Port.String())...)
			}
		}
		return out
	})},
	{"Who reads a long history has time to start.", every(func(_ cluster, w workload) []string {
		p := w.container().StartupProbe
		return only(p == nil || p.FailureThreshold*p.PeriodSeconds >= 300, "it is killed after %d s", func() int32 {
			if p == nil {
				return 0
			}
			return p.FailureThreshold * p.PeriodSeconds
		}())
	})},
	{"A full disk takes a pod out of service, and does not kill it.", every(func(_ cluster, w workload) []string {
		k := w.container()
		if !w.ours() || k.LivenessProbe == nil || k.ReadinessProbe == nil || k.StartupProbe == nil {
			return nil
		}
		return only(k.LivenessProbe.HTTPGet.Path == "/healthz" && k.StartupProbe.HTTPGet.Path == "/healthz" && k.ReadinessProbe.HTTPGet.Path == "/readyz",
			"it lives by %s and is ready by %s", k.LivenessProbe.HTTPGet.Path, k.ReadinessProbe.HTTPGet.Path)
	})},
	{"Whoever keeps state has time to write it out.", every(func(_ cluster, w workload) []string {
		g := w.spec().TerminationGracePeriodSeconds
		return only(g != nil && (!w.ours() || float64(*g) > longestStop.Seconds()) && *g >= 60, "it is killed before it may have ended")
	})},
	{"What is mounted is declared, and what is declared is mounted.", every(func(_ cluster, w workload) []string {
		declared := make(map[string]bool)
		for _, v := range w.spec().Volumes {
			declared[v.Name] = true
		}
		for _, v := range w.claims {
			declared[v.Name] = true
		}
		used := make(map[string]bool)
		var out []string
		for _, m := range w.container().VolumeMounts {
			used[m.Name] = true
			out = append(out, only(declared[m.Name], "there is no volume %s", m.Name)...)
		}
		for name := range declared {
			out = append(out, only(used[name], "nobody mounts %s", name)...)
		}
		return out
	})},
	{"Directories that go with the pod have a bound.", every(func(_ cluster, w workload) []string {
		var out []string
		for _, v := range w.spec().Volumes {
			out = append(out, only(v.EmptyDir == nil || v.EmptyDir.SizeLimit != nil, "%s may fill the node", v.Name)...)
		}
		return out
	})},
	{"Secrets are files that nobody else reads, and never variables.", every(func(_ cluster, w workload) []string {
		var out []string
		for _, e := range w.container().Env {
			out = append(out, only(e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil, "%s is a secret", e.Name)...)
			out = append(out, only(!secretName.MatchString(e.Name) || strings.HasSuffix(e.Name, "_FILE"), "%s looks like a secret", e.Name)...)
		}
		for _, v := range w.spec().Volumes {
			out = append(out, only(v.Secret == nil || len(v.Secret.Items) > 0 && v.Secret.DefaultMode != nil && *v.Secret.DefaultMode&0o007 == 0, "of %s more is mounted than needed, or others may read it", v.Name)...)
			for _, m := range w.container().VolumeMounts {
				out = append(out, only(v.Secret == nil || m.Name != v.Name || m.ReadOnly, "%s can be written", v.Name)...)
			}
		}
		return out
	})},
	{"Secrets that are mounted are those that deploy/secrets.sh makes.", every(func(c cluster, w workload) []string {
		var out []string
		for _, key := range secretKeys(w) {
			out = append(out, only(c.keys[key], "nobody makes %s", key)...)
		}
		return out
	})},
	{"No secret is in the files.", func(c cluster) []string {
		var out []string
		for _, o := range c.others {
			if s, ok := o.(*corev1.Secret); ok {
				out = append(out, s.Name)
			}
		}
		for _, m := range c.configs {
			for file, text := range m.Data {
				out = append(out, only(!regexp.MustCompile(`(?i)(password\s*[:=]\s*"?\w|://[^/@\s]*:[^/@\s]*@)`).MatchString(text), "%s of %s holds a password", file, m.Name)...)
			}
		}
		return out
	}},
}

// setRules are about what belongs together.
var setRules = []rule[cluster]{
	{"Config maps that are mounted are there.", every(func(c cluster, w workload) []string {
		var out []string
		for _, v := range w.spec().Volumes {
			if v.ConfigMap != nil {
				out = append(out, only(slices.ContainsFunc(c.configs, func(m *corev1.ConfigMap) bool { return m.Name == v.ConfigMap.Name }), "there is no config map %s", v.ConfigMap.Name)...)
			}
		}
		return out
	})},
	{"Config maps are named after what they hold, so that a change starts pods again.", func(c cluster) []string {
		var out []string
		for _, m := range c.configs {
			out = append(out, only(hashed.MatchString(m.Name), "%s", m.Name)...)
		}
		return out
	}},
	{"The program takes its settings.", every(func(c cluster, w workload) []string {
		a, ok := c.inForce[w.name]
		return only(!ok || a.err == nil, "%v", a.err)
	})},
	{"Files that settings name are there.", everyProgram(func(c cluster, w workload, values map[string]string) []string {
		var out []string
		for key, v := range values {
			if strings.HasSuffix(key, "_file") && v != "" {
				out = append(out, only(slices.Contains(secretFiles(w), v), "%s is %s, and mounted are %v", key, v, secretFiles(w))...)
			}
		}
		return out
	})},
	{"Data is below a volume that can be written, and not the volume itself.", everyProgram(func(_ cluster, w workload, values map[string]string) []string {
		return only(slices.ContainsFunc(w.container().VolumeMounts, func(m corev1.VolumeMount) bool {
			return !m.ReadOnly && strings.HasPrefix(values["data"], m.MountPath+"/")
		}), "data is %s", values["data"])
	})},
	{"Who keeps readings keeps them in a claim.", everyProgram(func(_ cluster, w workload, values map[string]string) []string {
		return only(values["bus.nats"] != "" || len(w.claims) > 0, "they go with the pod")
	})},
	{"Others can reach the pod where it listens.", everyProgram(func(_ cluster, w workload, values map[string]string) []string {
		host, port, _ := strings.Cut(values["addr"], ":")
		have := slices.ContainsFunc(w.container().Ports, func(p corev1.ContainerPort) bool { return fmt.Sprint(p.ContainerPort) == port })
		return only(host == "0.0.0.0" && have, "it listens at %s", values["addr"])
	})},
	{"Machines that settings name are pods, at ports that they have.", every(func(c cluster, w workload) []string {
		var out []string
		for _, at := range c.targets(w) {
			_, wrong := c.reached(at)
			out = append(out, only(wrong == "", "%s", wrong)...)
		}
		return out
	})},
	{"Walls let through who must speak to another.", every(func(c cluster, w workload) []string {
		var out []string
		for _, at := range c.targets(w) {
			if to, wrong := c.reached(at); wrong == "" {
				wrong = c.may(w, to, at.port)
				out = append(out, only(wrong == "", "%s", wrong)...)
			}
		}
		if strings.Contains(c.inForce[w.name].values["modules"], "gateway") {
			for _, to := range c.workloads {
				if to.ours() && to.name != w.name {
					wrong := c.may(w, to, 8080)
					out = append(out, only(wrong == "", "%s", wrong)...)
				}
			}
		}
		return out
	})},
	{"Walls let nobody else through to where readings and passwords are.", func(c cluster) []string {
		var out []string
		for _, from := range c.workloads {
			for _, to := range c.workloads {
				if to.ours() || from.name == to.name {
					continue
				}
				for _, p := range to.container().Ports {
					wanted := false
					for _, at := range c.targets(from) {
						r, wrong := c.reached(at)
						wanted = wanted || wrong == "" && r.name == to.name && at.port == p.ContainerPort
					}
					out = append(out, only(wanted || c.may(from, to, p.ContainerPort) != "", "%s need not speak to %s at %d", from.name, to.name, p.ContainerPort)...)
				}
			}
		}
		return out
	}},
	{"Whatever no wall speaks of is shut.", func(c cluster) []string {
		for _, p := range c.walls {
			if len(p.Spec.Ingress) == 0 && len(p.Spec.PolicyTypes) == 2 && !slices.ContainsFunc(c.workloads, func(w workload) bool { return !selects(&p.Spec.PodSelector, w.pod.Labels) }) {
				return nil
			}
		}
		return []string{"there is no policy that shuts all pods in and out"}
	}},
	{"Walls have doors only where pods have ports.", func(c cluster) []string {
		var out []string
		for _, p := range c.walls {
			for _, w := range c.workloads {
				if !selects(&p.Spec.PodSelector, w.pod.Labels) {
					continue
				}
				for _, r := range p.Spec.Ingress {
					for _, door := range r.Ports {
						if door.Port != nil {
							_, ok := w.port(*door.Port)
							out = append(out, only(ok, "%s lets through to port %s of %s", p.Name, door.Port.String(), w.name)...)
						}
					}
				}
			}
		}
		return out
	}},
	{"Every module runs somewhere.", func(c cluster) []string {
		runs := make(map[string]bool)
		for _, a := range c.inForce {
			if a.err != nil {
				return nil // breaks another rule
			}
			for _, m := range modulesOf(a.values) {
				runs[m] = true
			}
		}
		var out []string
		for _, m := range allModules {
			out = append(out, only(runs[m], "nobody runs %s", m)...)
		}
		return out
	}},
	{"There are as many servers as copies are kept.", everyProgram(func(c cluster, w workload, values map[string]string) []string {
		var out []string
		for _, at := range c.targets(w) {
			if to, wrong := c.reached(at); wrong == "" && at.port == 4222 {
				out = append(out, only(fmt.Sprint(c.count(to)) >= values["bus.replicas"] && values["bus.replicas"] != "1", "%s copies on %d servers", values["bus.replicas"], c.count(to))...)
			}
		}
		return out
	})},
	{"A workload selects its own pods, and nobody else's.", every(func(c cluster, w workload) []string {
		out := only(selects(w.selector, w.pod.Labels), "it does not select its own")
		for _, other := range c.workloads {
			out = append(out, only(other.name == w.name || !selects(w.selector, other.pod.Labels), "it selects those of %s", other.name)...)
		}
		return out
	})},
	{"Everything says what it is part of.", every(func(_ cluster, w workload) []string {
		var out []string
		for _, l := range []string{"name", "instance", "component", "part-of"} {
			out = append(out, only(w.labels["app.kubernetes.io/"+l] != "" && w.pod.Labels["app.kubernetes.io/"+l] != "", "there is no label %s", l)...)
		}
		return out
	})},
	{"Services lead to ports of pods.", func(c cluster) []string {
		var out []string
		for _, s := range c.services {
			found := false
			for _, w := range c.workloads {
				if !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.pod.Labels)) {
					continue
				}
				found = true
				for _, p := range s.Spec.Ports {
					n, ok := w.port(p.TargetPort)
					out = append(out, only(ok && (s.Spec.ClusterIP != corev1.ClusterIPNone || n == p.Port), "%s: %s has no port %s, or another number", s.Name, w.name, p.TargetPort.String())...)
				}
			}
			out = append(out, only(found, "%s leads to no pods", s.Name)...)
		}
		return out
	}},
	{"Services are inside; who lets people in from outside, decides so himself.", func(c cluster) []string {
		var out []string
		for _, s := range c.services {
			out = append(out, only(s.Spec.Type == "" || s.Spec.Type == corev1.ServiceTypeClusterIP, "%s is a %s", s.Name, s.Spec.Type)...)
		}
		return append(out, only(slices.ContainsFunc(c.services, func(s *corev1.Service) bool { return s.Name == releaseName+"-gateway" }), "there is no service for the page")...)
	}},
	{"Who has state has a claim and a name; who has none has neither.", every(func(c cluster, w workload) []string {
		if w.kind == "Deployment" {
			for _, v := range w.spec().Volumes {
				if v.PersistentVolumeClaim != nil {
					return []string{"instances would share " + v.Name}
				}
			}
			return nil
		}
		headless := slices.ContainsFunc(c.services, func(s *corev1.Service) bool {
			return s.Name == w.service && s.Spec.ClusterIP == corev1.ClusterIPNone && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.pod.Labels))
		})
		return append(only(headless, "there is no headless service %s", w.service), only(len(w.claims) == 1, "it has %d claims", len(w.claims))...)
	})},
	{"Instances stand on different machines.", every(func(c cluster, w workload) []string {
		if c.count(w) < 2 {
			return nil
		}
		for _, s := range w.spec().TopologySpreadConstraints {
			if s.TopologyKey == corev1.LabelHostname && s.MaxSkew == 1 && selects(s.LabelSelector, w.pod.Labels) && (w.kind == "Deployment" || s.WhenUnsatisfiable == corev1.DoNotSchedule) {
				return nil
			}
		}
		return []string{"one machine may hold all"}
	})},
	{"A machine can be emptied, and takes one instance away at a time.", every(func(c cluster, w workload) []string {
		n := 0
		for _, b := range c.budgets {
			if selects(b.Spec.Selector, w.pod.Labels) {
				n++
				if b.Spec.MaxUnavailable == nil || b.Spec.MaxUnavailable.IntVal != 1 {
					return []string{"the budget is not one"}
				}
			}
		}
		return only(n == 1, "it has %d budgets", n)
	})},
	{"An update takes nobody away before another is there.", every(func(_ cluster, w workload) []string {
		if w.kind != "Deployment" {
			return nil
		}
		return only(w.rolling != nil && w.rolling.MaxUnavailable != nil && w.rolling.MaxUnavailable.IntVal == 0, "%v", rollingWords(w.rolling))
	})},
	{"What is scaled is there, and does not say itself how many it is.", func(c cluster) []string {
		var out []string
		for _, h := range c.scalers {
			i := slices.IndexFunc(c.workloads, func(w workload) bool {
				return w.name == h.Spec.ScaleTargetRef.Name && w.kind == h.Spec.ScaleTargetRef.Kind
			})
			if i < 0 {
				out = append(out, fmt.Sprintf("%s: there is no %s %s", h.Name, h.Spec.ScaleTargetRef.Kind, h.Spec.ScaleTargetRef.Name))
				continue
			}
			out = append(out, only(c.workloads[i].replicas == nil, "%s: applying the files would undo it", h.Name)...)
		}
		return out
	}},
	{"Scaling has room, leaves two, and does not hurry down.", func(c cluster) []string {
		var out []string
		for _, h := range c.scalers {
			b := h.Spec.Behavior
			out = append(out, only(h.Spec.MinReplicas != nil && *h.Spec.MinReplicas >= 2 && h.Spec.MaxReplicas > *h.Spec.MinReplicas &&
				b != nil && b.ScaleDown != nil && b.ScaleDown.StabilizationWindowSeconds != nil && *b.ScaleDown.StabilizationWindowSeconds >= 300, "%s", h.Name)...)
		}
		return out
	}},
	{"Scaling looks at what the program measures.", func(c cluster) []string {
		var out []string
		for _, h := range c.scalers {
			for _, m := range h.Spec.Metrics {
				if m.Type != autoscalingv2.ExternalMetricSourceType {
					continue
				}
				out = append(out, only(strings.Contains(c.metrics, `"`+m.External.Metric.Name+`"`), "there is no %s", m.External.Metric.Name)...)
				target := h.Spec.ScaleTargetRef.Name
				out = append(out, only(m.External.Metric.Selector != nil && target == releaseName+"-"+m.External.Metric.Selector.MatchLabels["reader"], "%s is scaled by the lag of another", target)...)
			}
		}
		return out
	}},
	{"Who reads partitions is scaled by lag.", everyProgram(func(c cluster, w workload, values map[string]string) []string {
		if m := modulesOf(values); values["modules"] == "" || !slices.Contains(m, "history") && !slices.Contains(m, "aggregate") {
			return nil
		}
		for _, h := range c.scalers {
			if h.Spec.ScaleTargetRef.Name == w.name {
				return only(len(h.Spec.Metrics) == 1 && h.Spec.Metrics[0].Type == autoscalingv2.ExternalMetricSourceType, "it is scaled by something else")
			}
		}
		return []string{"nothing scales it"}
	})},
}

func rollingWords(r *appsv1.RollingUpdateDeployment) string {
	if r == nil || r.MaxUnavailable == nil {
		return "it is not said"
	}
	return r.MaxUnavailable.String() + " are"
}

// secretFiles are the paths of the files from secrets in a container.
func secretFiles(w workload) []string {
	var out []string
	for _, v := range w.spec().Volumes {
		if v.Secret == nil {
			continue
		}
		for _, m := range w.container().VolumeMounts {
			if m.Name != v.Name {
				continue
			}
			for _, i := range v.Secret.Items {
				out = append(out, filepath.Join(m.MountPath, i.Path))
			}
		}
	}
	return out
}
