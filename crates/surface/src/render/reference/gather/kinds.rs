//! What the pages of events, capabilities, features, forms, views and presentations say.

use affiant_contract::{Capability, Contract, EventSpec, Feature, Form, Presentation, Registry, View};

use super::{groups, link, links, words};
use crate::render::reference::{
    fields,
    page::{
        CapabilityFacts, CausedBy, Column, EventFacts, FeatureFacts, FormFacts, FormFieldFact, PayloadExample,
        PresentationFacts, SectionFact, ViewFacts,
    },
};

pub(super) fn event(registry: &Registry, contract: &Contract, event: &EventSpec) -> EventFacts {
    let reference = contract.reference();
    let causes = registry.operations().flat_map(|bound| {
        let operation = bound.reference();
        let emits = bound.operation().emits.iter().filter(|emits| emits.event == reference);
        emits.map(|emits| (operation.clone(), emits.when.clone())).collect::<Vec<_>>()
    });
    EventFacts {
        caused_by: causes.map(|(operation, when)| CausedBy { operation: link(registry, &operation), when }).collect(),
        examples: event
            .examples
            .iter()
            .map(|example| PayloadExample { title: example.title.clone(), payload: example.payload.clone() })
            .collect(),
    }
}

pub(super) fn capability(registry: &Registry, capability: &Capability) -> CapabilityFacts {
    CapabilityFacts {
        sort: capability.capability_kind,
        words: words::capability_kind(capability.capability_kind),
        provides: groups(registry, &capability.provides),
        requires: links(registry, &capability.requires),
    }
}

pub(super) fn feature(registry: &Registry, feature: &Feature) -> FeatureFacts {
    FeatureFacts { capabilities: links(registry, &feature.capabilities), includes: groups(registry, &feature.includes) }
}

pub(super) fn form(registry: &Registry, contract: &Contract, form: &Form) -> FormFacts {
    let field = |field: &affiant_contract::FormField| FormFieldFact {
        field: field.field.clone(),
        label: field.label.clone(),
        widget: words::widget(field.widget),
        required: field.required,
        help: field.help.clone(),
        placeholder: field.placeholder.clone(),
        personal: form.pii.contains(&field.field),
    };
    FormFacts {
        operation: link(registry, &form.operation),
        path: format!("/forms/{}", contract.reference()),
        fields: form.fields.iter().map(field).collect(),
        action: form.action.label.clone(),
    }
}

pub(super) fn view(registry: &Registry, view: &View) -> ViewFacts {
    let output = registry.operation_at(&view.operation).map(|bound| &bound.operation().output);
    let meaning = |field: &str| {
        let output = output?;
        let rows = fields::resolve(output, &output["properties"][&view.items]);
        let row = fields::resolve(output, &rows["items"]);
        row["properties"][field]["description"].as_str().map(str::to_owned)
    };
    let column = |column: &affiant_contract::ViewColumn| Column {
        label: column.label.clone(),
        field: column.field.clone(),
        description: meaning(&column.field),
    };
    ViewFacts {
        operation: link(registry, &view.operation),
        entity: view.entity.clone(),
        items: view.items.clone(),
        columns: view.columns.iter().map(column).collect(),
        filters: view.filters.clone(),
    }
}

pub(super) fn presentation(registry: &Registry, presentation: &Presentation) -> PresentationFacts {
    let section = |section: &affiant_contract::Section| SectionFact {
        title: section.title.clone(),
        description: section.description.clone(),
    };
    PresentationFacts {
        operation: link(registry, &presentation.operation),
        formats: presentation.formats.clone(),
        sections: presentation.sections.iter().map(section).collect(),
    }
}
