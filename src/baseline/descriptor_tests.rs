use super::*;

const TEMPLATE: &str = "Parameters:\n  A: {Type: String}\n  B: {Type: String, Default: x}\nResources:\n  R: {Type: 'AWS::SNS::Topic'}\nOutputs:\n  Arn: {Value: x}\n";

fn template(name: &str) -> Result<Source, String> {
    let text = match name {
        "t.yaml" => TEMPLATE,
        "broken.yaml" => "Resources: [\n",
        _ => return Err("can not be read".to_owned()),
    };
    Ok(Source {
        name: format!("own/{name}"),
        text: text.to_owned(),
    })
}

fn diagnostics(source: &str) -> Result<Descriptor, Vec<Diagnostic>> {
    let source = Source {
        name: "own/baseline.toml".to_owned(),
        text: source.to_owned(),
    };
    Descriptor::parse(&Arc::new(source), &template)
}

fn parse(source: &str) -> Result<Descriptor, String> {
    diagnostics(source).map_err(|diagnostics| {
        let lines = diagnostics.iter().map(|one| {
            let told = one.to_string().replace(": error: ", " ");
            told.replace("own/baseline.toml:", "")
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}

const HEAD: &str = "name = \"own\"\nsummary = \"Something.\"\n";

fn message(rest: &str) -> String {
    parse(&format!("{HEAD}{rest}")).expect_err("is broken")
}

#[test]
fn a_descriptor_may_be_almost_empty() {
    let descriptor = parse(HEAD).unwrap();
    assert_eq!(descriptor.name.as_str(), "own");
    assert!(descriptor.stacks.is_empty() && descriptor.guardduty.is_none());
}

#[test]
fn toml_itself_is_checked() {
    insta::assert_snapshot!(message("trusted_access = [\n"));
    insta::assert_snapshot!(message("name = \"twice\""));
}

#[test]
fn the_head_is_checked() {
    insta::assert_snapshot!(parse("summry = \"x\"\ncost = []\n").unwrap_err());
    insta::assert_snapshot!(
        parse("name = \"not a key\"\nsummary = \" \"\ncosts = \"one\"\n").unwrap_err()
    );
    insta::assert_snapshot!(message("trusted_access = [\"config\", 1]"));
}

#[test]
fn options_are_checked() {
    insta::assert_snapshot!(message(
        "[option.folder]\ntype = \"string\"\ndescription = \"x\"\n\
         [option.Upper]\ntype = \"string\"\ndescription = \"x\"\n\
         [option.a]\ntype = \"sting\"\ndescription = \"x\"\n\
         [option.b]\ntype = \"integer\"\ndefault = \"1\"\nvalues = [\"x\"]\ndescription = \"x\"\n\
         [option.c]\ntype = \"string\"\npattern = \"[a\"\ndescription = \"x\"\n\
         [option.d]\ntype = \"string\"\npattern = \"[a-z]\"\ndefault = \"9\"\ndescription = \"x\"\n\
         [option.e]\ntype = \"boolean\"\ndefaults = true\n\
         [option.f]\ntype = \"string\"\ndefault = \"{prefx}\"\ndescription = \"x\"\n"
    ));
}

#[test]
fn a_limit_is_another_integer_option_and_wrong_ones_are_told_once() {
    let told = message(
        "[option.archive]\ntype = \"integer\"\nbelow = \"expires\"\ndescription = \"x\"\n\
         [option.expire]\ntype = \"integer\"\nbelow = 3\ndescription = \"x\"\n\
         [option.mode]\ntype = \"string\"\ndescription = \"x\"\n\
         [option.other]\ntype = \"integer\"\nbelow = \"mode\"\ndescription = \"x\"\n",
    );
    assert!(
        told.contains("no option `expires` of the type `integer` (did you mean `expire`?)"),
        "{told}"
    );
    assert!(
        told.contains("no option `mode` of the type `integer`"),
        "{told}"
    );
    assert_eq!(told.matches("below`").count(), 1, "{told}");
}

#[test]
fn stacks_are_checked_against_their_templates() {
    insta::assert_snapshot!(message(
        "[option.flag]\ntype = \"string\"\ndefault = \"x\"\ndescription = \"x\"\n\
         [[stack]]\nname = \"a\"\ntemplate = \"t.yaml\"\nat = \"{logging}/{home_region}\"\nparameters = { AA = \"x\" }\n\
         [[stack]]\nname = \"a\"\ntemplate = \"none.yaml\"\nat = \"{loging}/{home_region}\"\n\
         [[stack]]\nname = \"b\"\ntemplate = \"broken.yaml\"\nat = \"logging\"\n\
         [[stack]]\nname = \"c\"\ntemplate = \"t.yaml\"\nat = \"{secops}/Ireland\"\nwhen = \"flag\"\nparameters = { A = \"{option.flg}\", B = \"{region}\" }\n\
         [[stack]]\nname = \"d\"\ntemplate = \"t.yaml\"\nat = \"{secops}/{region}\"\nparameters = { A = \"{stack.a.Arm}\", B = 1 }\n\
         needs = [{ stak = \"a\" }, { stack = \"a\", stack-set = \"b\" }, { trusted-access = \"config\" }]\n"
    ));
}

#[test]
fn stack_sets_say_what_happens_to_accounts_that_leave() {
    insta::assert_snapshot!(message(
        "[[stack-set]]\nname = \"a\"\ntemplate = \"t.yaml\"\nregions = \"all\"\nparameters = { A = \"{region}\" }\n"
    ));
}

#[test]
fn guardduty_is_checked() {
    insta::assert_snapshot!(message(
        "[option.on]\ntype = \"boolean\"\ndefault = true\ndescription = \"x\"\n\
         [guardduty]\nadministrator = \"{secops}\"\nregions = \"governed\"\nfeatures = \"on\"\n\
         [guardduty.export]\nbucket = \"x\"\nkey_arn = \"{stack.x}\"\n"
    ));
}

#[test]
fn a_hostile_descriptor_does_no_harm() {
    for source in [
        "a = ".to_owned() + &"[".repeat(100_000),
        "a = ".to_owned() + &"{a = ".repeat(50_000),
        "[".repeat(100_000),
        "a.".repeat(50_000) + "a = 1",
        format!(
            "{HEAD}[option.a]\ntype=\"string\"\ndescription=\"x\"\npattern=\"{}\"",
            "(".repeat(50_000)
        ),
        format!(
            "{HEAD}[option.a]\ntype=\"string\"\ndescription=\"x\"\npattern=\"((a{{1000}}){{1000}}){{1000}}\""
        ),
        "\u{feff}\u{0}".to_owned(),
    ] {
        assert!(parse(&source).is_err());
    }
}

#[test]
fn controls_are_checked() {
    insta::assert_snapshot!(message(
        "[[stack]]\nname = \"a\"\ntemplate = \"t.yaml\"\nat = \"{logging}/{home_region}\"\nparameters = { A = \"x\" }\n\
         [[control]]\nid = \"other.x\"\ntitle = \"x\"\n\
         [[control]]\nid = \"own.a\"\ntitle = \"x\"\nscope = \"organisation\"\nprobe = \"config-recoder\"\nseverity = \"hihg\"\nfix = \"restart\"\nexpect = { exists = true }\n\
         [[control]]\nid = \"own.b\"\ntitle = \"x\"\nscope = \"account\"\naccount = \"{secops}\"\nprobe = \"cloudtrail-trail\"\nseverity = \"low\"\narguments = { nme = \"x\" }\nexpect = { loging = true, IsLogging = 1.5 }\n\
         [[control]]\nid = \"own.b\"\ntitle = \"x\"\nscope = \"organization\"\nprobe = \"cloud-control\"\nseverity = \"low\"\narguments = { type = \"T\", identifier = \"i\" }\nresource = \"b/R\"\nneeds = [\"own.aa\"]\nexpect = { A = \"{option.x}\" }\n\
         [[control]]\nid = \"own.c\"\ntitle = \"x\"\nscope = \"organization\"\nprobe = \"config-recorder\"\nseverity = \"low\"\nresource = \"a/Q\"\n\
         [[control]]\nid = \"own.d\"\ntitle = \"x\"\nscope = \"organization\"\nprobe = \"config-recorder\"\nseverity = \"low\"\nfix = \"revert-drift\"\nexpect = { recording = true }\n"
    ));
}

#[test]
fn a_control_may_look_at_any_property() {
    let descriptor = parse(&format!(
        "{HEAD}[[control]]\nid = \"own.versioned\"\ntitle = \"is not versioned\"\nscope = \"organization\"\naccount = \"{{logging}}\"\n\
         probe = \"cloud-control\"\nseverity = \"low\"\narguments = {{ type = \"AWS::S3::Bucket\", identifier = \"{{prefix}}-b\" }}\n\
         expect = {{ \"VersioningConfiguration.Status\" = \"Enabled\" }}\n"
    ))
    .unwrap();
    let control = &descriptor.controls[0];
    assert!(
        control
            .expect
            .contains_key("VersioningConfiguration.Status")
    );
    assert_eq!(*control.account, NamedAccount::Logging);
    assert_eq!(control.fix, super::super::control::ControlFix::Person);
}
