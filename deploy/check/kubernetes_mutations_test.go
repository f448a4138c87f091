package check

import (
	"slices"
	"testing"
)

func TestKubernetes(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			c, err := parseObjects(t, buildOverlay(t, mode))
			if err != nil {
				t.Fatal(err)
			}
			hold(t, c, slices.Concat(podRules, setRules))
		})
	}
}

func TestKubernetesMutationsAreCaught(t *testing.T) {
	var single, scaled []rule[cluster]
	for _, r := range slices.Concat(podRules, setRules) {
		if r.says == "Who keeps readings keeps them in a claim." {
			single = append(single, r)
		} else {
			scaled = append(scaled, r)
		}
	}
	caught(t, joined(mustRender(t, modeSingle)), parseObjects, single, []mutation{
		{"Who keeps readings keeps them in a claim.", "  volumeClaimTemplates:\n    - metadata: {name: data}\n      spec:\n        accessModes: [ReadWriteOnce]\n        resources: {requests: {storage: 20Gi}}\n", ""},
	})
	caught(t, joined(mustRender(t, modeScaled)), parseObjects, scaled, []mutation{
		{refused, "terminationGracePeriodSeconds", "terminationGraceSeconds"},
		{refused, "livenessProbe:", "liveProbe:"},
		{refused, "apiVersion: autoscaling/v2", "apiVersion: autoscaling/v3"},
		{refused, "maxUnavailable: 1", "maxUnavailable: [1]"},
		{refused, "kind: NetworkPolicy", "kind: NetworkPolice"},
		{"Images name an exact version.", "nats:2.15.2", "nats:latest"},
		{"Images name an exact version.", "nats:2.15.2", "nats"},
		{"Nobody is root, and the user is a number.", "runAsNonRoot: true", "runAsNonRoot: false"},
		{"Nobody is root, and the user is a number.", "runAsUser: 65532", "runAsUser: 0"},
		{"Volumes belong to the user.", "fsGroup: 65532", "fsGroup: 1"},
		{"The image cannot be written.", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"},
		{"Nobody has capabilities, and nobody can get any.", "drop: [ALL]", "drop: [KILL]"},
		{"Nobody has capabilities, and nobody can get any.", "drop: [ALL]", "drop: [ALL], add: [NET_ADMIN]"},
		{"Nobody has capabilities, and nobody can get any.", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"},
		{"System calls are filtered.", "type: RuntimeDefault", "type: Unconfined"},
		{"Nobody shares anything with the node.", "enableServiceLinks: false", "enableServiceLinks: false\n      hostNetwork: true"},
		{"Nobody shares anything with the node.", "emptyDir: {sizeLimit: 64Mi}", "hostPath: {path: /}"},
		{"No pod has a token of Kubernetes.", "      automountServiceAccountToken: false", "      automountServiceAccountToken: true"},
		{"Accounts are there, and give no token.", "serviceAccountName: wattwerk", "serviceAccountName: default"},
		{"Accounts are there, and give no token.", "automountServiceAccountToken: false", "automountServiceAccountToken: true"},
		{"Variables come from these files alone.", "enableServiceLinks: false", "enableServiceLinks: true"},
		{"Everybody says what he needs, and cannot take more than his share.", "memory: 2Gi", "memory: 1Mi"},
		{"Everybody says what he needs, and cannot take more than his share.", "limits:\n              cpu: \"2\"\n", "limits:\n"},
		{"Everybody is asked whether he has started, lives and is ready.", "          readinessProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 5\n            timeoutSeconds: 6\n            failureThreshold: 2\n", ""},
		{"Probes ask at ports that there are.", "httpGet: {path: /healthz, port: http}", "httpGet: {path: /healthz, port: web}"},
		{"Who reads a long history has time to start.", "failureThreshold: 120", "failureThreshold: 3"},
		{"A full disk takes a pod out of service, and does not kill it.", "livenessProbe:\n            httpGet: {path: /healthz", "livenessProbe:\n            httpGet: {path: /readyz"},
		{"Whoever keeps state has time to write it out.", "terminationGracePeriodSeconds: 180", "terminationGracePeriodSeconds: 30"},
		{"What is mounted is declared, and what is declared is mounted.", "- {name: tmp, mountPath: /tmp}", "- {name: temp, mountPath: /tmp}"},
		{"What is mounted is declared, and what is declared is mounted.", "            - {name: data, mountPath: /data}\n", ""},
		{"Directories that go with the pod have a bound.", "emptyDir: {sizeLimit: 64Mi}", "emptyDir: {}"},
		{"Secrets are files that nobody else reads, and never variables.", "defaultMode: 0440", "defaultMode: 0444"},
		{"Secrets are files that nobody else reads, and never variables.", "            - {name: WATTWERK_CONFIG, value: /etc/wattwerk/wattwerk.yaml}", "            - {name: WATTWERK_CONFIG, value: /etc/wattwerk/wattwerk.yaml}\n            - {name: X_TOKEN, value: abc}"},
		{"Secrets that are mounted are those that deploy/secrets.sh makes.", "key: nats_login", "key: nats_logon"},
		{"No secret is in the files.", "listen: 0.0.0.0:4222", "listen: 0.0.0.0:4222\n    authorization { user: a, password: \"abc\" }"},
		{"No secret is in the files.", "---\n# Nothing here speaks", "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\n# Nothing here speaks"},
		{"Config maps that are mounted are there.", "configMap: {name: wattwerk-settings", "configMap: {name: wattwerk-setings"},
		{"Config maps are named after what they hold, so that a change starts pods again.", "kind: ConfigMap\nmetadata:\n  name: wattwerk-nats-", "kind: ConfigMap\nmetadata:\n  name: nats-"},
		{"The program takes its settings.", "      login_file:", "      logon_file:"},
		{"The program takes its settings.", "store: remote", "store: distant"},
		{"The program takes its settings.", "--modules, bridge", "--modules, brigde"},
		{"Files that settings name are there.", "login_file: /run/secrets/nats_login", "login_file: /run/secrets/other"},
		{"Data is below a volume that can be written, and not the volume itself.", "{name: data, mountPath: /data}\n            - {name: tmp", "{name: data, mountPath: /dat}\n            - {name: tmp"},
		{"Others can reach the pod where it listens.", "          env:\n            - {name: WATTWERK_CONFIG", "          env:\n            - {name: WATTWERK_ADDR, value: 127.0.0.1:8080}\n            - {name: WATTWERK_CONFIG"},
		{"Machines that settings name are pods, at ports that they have.", "http://wattwerk-vminsert:8480", "http://wattwerk-vminserter:8480"},
		{"Machines that settings name are pods, at ports that they have.", "http://wattwerk-vmselect:8481", "http://wattwerk-vmselect:8482"},
		{"Machines that settings name are pods, at ports that they have.", "wattwerk-nats-2.wattwerk-nats:4222", "wattwerk-nats-3.wattwerk-nats:4222"},
		{"Walls let through who must speak to another.", "port: 6222}]", "port: 6223}]"},
		{"Walls let through who must speak to another.", "ports: [{port: 8401}]", "ports: [{port: 8402}]"},
		{"Walls let through who must speak to another.", "ports: [{port: 5432}]", "ports: [{port: 5433}]"},
		{"Walls let nobody else through to where readings and passwords are.", "  egress:\n    # Names.\n", "  ingress:\n    - {}\n  egress:\n    - {}\n    # Names.\n"},
		{"Whatever no wall speaks of is shut.", "policyTypes: [Ingress, Egress]", "policyTypes: [Egress]"},
		{"Walls have doors only where pods have ports.", "    - ports: [{port: 8080}]", "    - ports: [{port: 8080}, {port: 22}]"},
		{"Every module runs somewhere.", "--modules, bridge", "--modules, gateway"},
		{"There are as many servers as copies are kept.", "replicas: 3\n  serviceName: wattwerk-nats", "replicas: 1\n  serviceName: wattwerk-nats"},
		{"A workload selects its own pods, and nobody else's.", "selector:\n    matchLabels:\n      app.kubernetes.io/instance: wattwerk\n      app.kubernetes.io/component: gateway\n  template", "selector:\n    matchLabels:\n      app.kubernetes.io/instance: wattwerk\n  template"},
		{"Everything says what it is part of.", "app.kubernetes.io/part-of: wattwerk\nspec:\n  replicas: 3", "app.kubernetes.io/part-off: wattwerk\nspec:\n  replicas: 3"},
		{"Services lead to ports of pods.", "targetPort: client", "targetPort: clients"},
		{"Services lead to ports of pods.", "  selector:\n    app.kubernetes.io/instance: wattwerk\n    app.kubernetes.io/component: vmselect", "  selector:\n    app.kubernetes.io/instance: wattwerk\n    app.kubernetes.io/component: vmselector"},
		{"Services are inside; who lets people in from outside, decides so himself.", "ports: [{name: http, port: 80, targetPort: http}]", "type: LoadBalancer\n  ports: [{name: http, port: 80, targetPort: http}]"},
		{"Who has state has a claim and a name; who has none has neither.", "serviceName: wattwerk-nats", "serviceName: nats"},
		{"Who has state has a claim and a name; who has none has neither.", "emptyDir: {sizeLimit: 1Gi}", "persistentVolumeClaim: {claimName: data}"},
		{"Instances stand on different machines.", "whenUnsatisfiable: DoNotSchedule", "whenUnsatisfiable: ScheduleAnyway"},
		{"Instances stand on different machines.", "topologyKey: kubernetes.io/hostname", "topologyKey: kubernetes.io/os"},
		{"A machine can be emptied, and takes one instance away at a time.", "maxUnavailable: 1", "maxUnavailable: 0"},
		{"A machine can be emptied, and takes one instance away at a time.", "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/instance: wattwerk\n      app.kubernetes.io/component: nats", "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/instance: wattwerk\n      app.kubernetes.io/component: nat"},
		{"An update takes nobody away before another is there.", "maxUnavailable: 0, maxSurge: 1", "maxUnavailable: 1, maxSurge: 1"},
		{"What is scaled is there, and does not say itself how many it is.", "kind: Deployment, name: wattwerk-bridge", "kind: Deployment, name: wattwerk-bridges"},
		{"What is scaled is there, and does not say itself how many it is.", "kind: Deployment, name: wattwerk-bridge", "kind: Deployment, name: wattwerk-registry"},
		{"Scaling has room, leaves two, and does not hurry down.", "minReplicas: 2", "minReplicas: 1"},
		{"Scaling has room, leaves two, and does not hurry down.", "stabilizationWindowSeconds: 600", "stabilizationWindowSeconds: 0"},
		{"Scaling looks at what the program measures.", "name: wattwerk_reader_lag_messages", "name: wattwerk_reader_lag_records"},
		{"Scaling looks at what the program measures.", "reader: history", "reader: aggregate"},
		{"Who reads partitions is scaled by lag.", "kind: Deployment, name: wattwerk-history", "kind: Deployment, name: wattwerk-registry"},
	})
}
