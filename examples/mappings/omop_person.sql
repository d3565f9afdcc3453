-- A person-level view over OMOP CDM v5.4, for the mapping omop_person.toml. Run it as the owner of the schema and give the
-- reading role SELECT on the view alone. Concepts: 201826 type 2 diabetes, 3004410 haemoglobin A1c, 1503297 metformin.
CREATE VIEW tallystick_person AS
SELECT
    p.person_id,
    EXTRACT(YEAR FROM DATE '2026-01-01')::int - p.year_of_birth AS age,
    p.gender_concept_id,
    EXISTS (SELECT 1 FROM condition_occurrence c
            WHERE c.person_id = p.person_id AND c.condition_concept_id = 201826) AS diabetic,
    (SELECT m.value_as_number FROM measurement m
     WHERE m.person_id = p.person_id AND m.measurement_concept_id = 3004410
     ORDER BY m.measurement_date DESC, m.measurement_id DESC LIMIT 1) AS hba1c,
    EXISTS (SELECT 1 FROM drug_exposure d
            WHERE d.person_id = p.person_id AND d.drug_concept_id = 1503297) AS metformin,
    (SELECT COUNT(*) FROM visit_occurrence v WHERE v.person_id = p.person_id) AS visits
FROM person p;
