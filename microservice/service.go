package microservice

import (
	"github.com/wattwerk/wattwerk/model"
	"github.com/wattwerk/wattwerk/object"
)

// Service is a service that people ask for, made of microservices.
type Service struct {
	SID         string             `json:"sid" yaml:"sid" required:"false" doc:"Identifier; the same one may be there once for each domain" example:"S1" maxLength:"200"`
	Name        string             `json:"name,omitempty" yaml:"name,omitempty" doc:"As people call it" maxLength:"500"`
	Domain      string             `json:"domain" yaml:"domain" doc:"Application domain" example:"building" maxLength:"200"`
	Priority    int                `json:"priority" yaml:"priority" doc:"The higher the more urgent; 100 and above are emergencies" minimum:"0" maximum:"1000"`
	Threshold   model.Duration     `json:"threshold" yaml:"threshold" doc:"How long it may take" example:"190ms"`
	Restriction object.Restriction `json:"restriction" yaml:"restriction" doc:"How many microservices it needs"`
	Steps       []ServiceStep      `json:"steps" yaml:"steps" doc:"Its microservices; absent: every one that is made for it" maxItems:"100"`
	Needs       []Property         `json:"needs,omitempty" yaml:"needs,omitempty" doc:"Values it needs beside what its steps give; microservices that give them are looked for" maxItems:"100"`
	Groups      []StepGroup        `json:"groups,omitempty" yaml:"groups,omitempty" doc:"Steps whose availability is told by itself" maxItems:"50"`
	Instead     []string           `json:"instead,omitempty" yaml:"instead,omitempty" doc:"Services that may do when it is not available" maxItems:"20"`
	Local       string             `json:"local,omitempty" yaml:"local,omitempty" doc:"Name of the computation of this program that carries it out" maxLength:"200"`
}

// ServiceStep is one microservice of a service.
type ServiceStep struct {
	Microservice string         `json:"microservice" yaml:"microservice" doc:"Which one" maxLength:"200"`
	Major        int            `json:"major" yaml:"major" doc:"Its major version; others are never taken" minimum:"0" maximum:"999999"`
	Threshold    model.Duration `json:"threshold,omitempty" yaml:"threshold,omitempty" doc:"How long its own work may take; absent: as its template says"`
	Critical     bool           `json:"critical,omitempty" yaml:"critical,omitempty" doc:"The service cannot do without it"`
	Weight       float64        `json:"weight,omitempty" yaml:"weight,omitempty" doc:"In the mean availability; absent: 1" minimum:"0" maximum:"1000000"`
}

// StepGroup is some steps of a service.
type StepGroup struct {
	Name          string             `json:"name" yaml:"name" doc:"Name" maxLength:"200"`
	Microservices []string           `json:"microservices" yaml:"microservices" doc:"Which steps" maxItems:"100"`
	Restriction   object.Restriction `json:"restriction,omitzero" yaml:"restriction,omitempty" doc:"How many of them are needed; absent: some"`
}

// Emergency is the priority from which on a service is an emergency: nobody who
// has only waited long comes before it.
const Emergency = 100

// MaxPriority is the highest priority.
const MaxPriority = 1000
