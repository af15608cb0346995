"""The company: locations, legal entities, users."""

from __future__ import annotations

from precoro_api.fields import array, flag, moment, object_, private, text
from precoro_api.resource import IDENTIFIER, Endpoint, Resource, Write
from precoro_api.resources.vocabulary import EXTERNAL_IDS

_LOCATIONS_KEYS = ("name", "uniqueCode", "enable", "fullAddress", "phone")

LOCATIONS = Resource(
    name="locations",
    about="Places of the company that documents belong to.",
    fields=(
        IDENTIFIER,
        *text("uniqueCode", "name", "fullAddress", "externalId"),
        *private("phone"),
        *flag("enable"),
        *moment("createDate"),
    ),
    list=Endpoint("/locations", ("doc", "3rd:sdk")),
    filters=(EXTERNAL_IDS,),
    external_id=True,
    create=Write("/locations", ("3rd:sdk",), keys=_LOCATIONS_KEYS),
    update=Write("/locations/{id}", ("3rd:sdk",), method="PUT", keys=_LOCATIONS_KEYS),
    patch=Write("/locations/{id}", ("doc", "prod"), method="PATCH", keys=("externalId",)),
)

LEGAL_ENTITIES = Resource(
    name="legal_entities",
    about="Legal entities of the company; their list comes without paging.",
    fields=(
        IDENTIFIER,
        *text(
            "name",
            "fullName",
            "legalAddress",
            "businessRegistrationNumber",
            "taxPayerType",
            "externalId",
        ),
        *private(
            "accountNumber",
            "accountHolderName",
            "bankName",
            "bankAddress",
            "sortCode",
            "taxPayerNumber",
            "phone",
            "keyExecutive",
            "permanentAccountNumber",
            "internationalBankAccountNumber",
            "americanBankersAssociationNumber",
            "swiftCode",
            "indianFinancialSystemCode",
        ),
        *moment("createDate"),
    ),
    list=Endpoint("/legalentities", ("doc", "3rd:sdk")),
    filters=(EXTERNAL_IDS,),
    paged=False,
    external_id=True,
    patch=Write("/legalentities/{id}", ("doc", "prod"), method="PATCH", keys=("externalId",)),
)

USERS = Resource(
    name="users",
    about="People with access to the company, with their roles.",
    fields=(
        IDENTIFIER,
        *text("locale", "position"),
        *private("email", "phone", "firstname", "lastname"),
        *flag("allLocationsAccess", "allUserDocumentCostcentersAccess", "allProductGroupsAccess"),
        *moment("createDate", "updateDate"),
        *object_("location"),
        *array("roles"),
    ),
    list=Endpoint("/users", ("3rd:sdk", "3rd:conn")),
)
