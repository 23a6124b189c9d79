"""Whether the data, or its place in the space, has moved since a model was trained.

(The index's drift from the event database is another thing: `recsys.drift`.) The measures are our
own: they fit on a page, know that posts come in bundles by person, and look at a joint space. A
general tool knows neither, and brings a hundred packages of its own.
"""
