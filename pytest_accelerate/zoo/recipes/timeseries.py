"""Recipes of models of time series and of decisions."""

from __future__ import annotations

from pytest_accelerate.zoo import feeds
from pytest_accelerate.zoo.recipe import Recipe
from pytest_accelerate.zoo.unheard import Cancels

# Four steps of context before seven lags, then four steps to predict.
_FORECAST = Recipe(
    config={"prediction_length": 4, "num_time_features": 2, "label_length": 2, "moving_average": 3},
    inputs={
        "past_values": feeds.normal("timeseries", 2, 11),
        "past_time_features": feeds.normal("", 2, 11, 2),
        "past_observed_mask": feeds.mask(11),
        "future_values": feeds.normal("", 2, 4),
        "future_time_features": feeds.normal("", 2, 4, 2),
    },
)
_LAGGED = Recipe(config={"prediction_length": 4, "num_time_features": 2}, inputs=_FORECAST.inputs)
_PATCHED = Recipe(
    config={"num_input_channels": 2}, inputs={"past_values": feeds.normal("timeseries", 2, 32, 2)}
)

RECIPES: dict[str, Recipe] = {
    "autoformer": Recipe(
        unheard={
            r".*\.self_attn\.q_proj\.bias": Cancels(
                "it adds the same to the correlation at each lag, and the softmax takes it away"
            ),
            r".*\.final_layer_norm\.layernorm\.bias": Cancels("the mean over time is taken off"),
            r"encoder\..*\.(self_attn_layer_norm|fc2)\.bias": Cancels(
                "what is constant over time goes to the trend, which the encoder drops"
            ),
        }
    ).over(_FORECAST),
    "decision_transformer": Recipe(
        config={"max_ep_len": 64},
        inputs={
            "states": feeds.normal("states", 2, 5, 17),
            "actions": feeds.normal("actions", 2, 5, 4),
            "rewards": feeds.normal("rewards", 2, 5, 1),
            "returns_to_go": feeds.normal("rewards", 2, 5, 1),
            "timesteps": feeds.integers("", 0, 64, 2, 5),
            "attention_mask": feeds.mask(5, 1),
        },
        unheard={r"encoder\.wte\.weight": "its states and actions come embedded, not as tokens"},
    ),
    "informer": Recipe(
        config={"attention_type": "full"},
        why="its sparse attention samples keys at random",
    ).over(_LAGGED),
    "patchtsmixer": Recipe(
        inputs={"past_values": feeds.normal("timeseries", 2, 32, 2)},
        config={"num_input_channels": 2, "context_length": 32},
    ),
    "patchtst": _PATCHED,
    "time_series_transformer": _LAGGED,
    "timesfm": Recipe(
        config={"context_length": 64},
        inputs={
            "past_values": feeds.normal("timeseries", 2, 64),
            "past_values_padding": feeds.constant([[0] * 64, [1] * 32 + [0] * 32]),
            "freq": feeds.constant([[0], [1]]),
        },
    ),
    "timesfm2_5": Recipe(
        config={"context_length": 64},
        inputs={
            "past_values": feeds.normal("timeseries", 2, 64),
            "past_values_padding": feeds.constant([[0] * 64, [1] * 32 + [0] * 32]),
        },
    ),
}
